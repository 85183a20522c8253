"""The front door: each row of the table over HTTP/1.1, HTTP/2 and HTTP/3, on every build that speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aioquic.h3.connection import FrameType, encode_frame
from pylsqpack import Encoder

from tests.live.client import KNOWN, OTHER_ID
from tests.live.front.front_door import (
    BUILDS,
    PAIRS,
    FrontDoor,
    door,
    ending,
    everywhere,
    hand_off,
    has_quic,
    one_line,
)
from tests.live.front.h1_client import H1Transfer
from tests.live.front.h2_client import WINDOW
from tests.live.front.table import (
    CUT,
    LARGE,
    NOTHING,
    OPTIONS,
    PAGE_404,
    ROWS,
    TEXT,
    WHOLE,
    Got,
    Row,
    endless,
)
from tests.live.front.transfer import Asked, Transfer
from tests.live.limits.held import AT_ONCE
from tests.live.limits.held import PAGE as TOO_MANY
from tests.live.objects import ranges, serve
from tests.servers.origin import Answer, Request
from xaccel.errors import NginxError
from xaccel.handoff.headers import SANDBOX
from xaccel_testing import Variant
from xaccel_testing.servers.nginx_server import check_config
from xaccel_testing.servers.processes import wait_until

__all__ = ["door"]

CUTS = {"h1": "connection closed", "h2": "RST_STREAM INTERNAL_ERROR", "h3": "RESET_STREAM H3_INTERNAL_ERROR"}
FRAMING = {"h1": 15, "h2": 0, "h3": 4}
"""At most so many bytes of framing are in `body_bytes` of an answer without a length."""


@everywhere
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_is_true(door: FrontDoor, protocol: str, row: Row) -> None:
    origin, subject = door.live.places.origin, f"row-{uuid4()}"
    origin.answer = row.answer
    got = row.stock if row.stock is not None and not door.live.variant.njs else row.got
    asked = Asked(hand_off(subject, **row.options), row.method, row.headers, row.body)
    with door.transfer(protocol, asked) as transfer:
        assert ending(transfer) == got.end, transfer.ended
        if got.end != NOTHING:
            assert (transfer.status, transfer.body) == (got.status, got.body)
            require_headers(transfer, got)
        else:
            assert (transfer.headers, transfer.body) == ((), b"")
        if got.end == CUT:
            assert transfer.ended == CUTS[protocol]
    require_line(one_line(door, subject, protocol), row, got, protocol)
    for request in origin.requests:
        assert (request.method, request.body) == ("HEAD" if row.method == "HEAD" else "GET", b"")


def require_headers(transfer: Transfer, got: Got) -> None:
    names = [name.lower() for name, _ in transfer.headers]
    assert sorted(names) == sorted(set(names))
    extra = {name for name, value in got.headers.items() if value is not None}
    assert set(names) <= KNOWN | extra | {"transfer-encoding"}
    shown = {name.lower(): value for name, value in transfer.headers}
    assert {name: shown.get(name) for name in got.headers} == dict(got.headers)


def require_line(line: dict[str, Any], row: Row, got: Got, protocol: str) -> None:
    assert (line["method"], line["status"]) == (
        row.method,
        got.logged or str(got.status),
    )
    assert line["why"] == got.why
    if got.end == NOTHING:
        assert (line["body_bytes"], line["completion"]) == (0, "")
        return
    assert line["completion"] == "OK"
    uncounted = 0 if line["sent_length"] else FRAMING[protocol]
    assert 0 <= line["body_bytes"] - len(got.body) <= uncounted
    if got.status < 300:
        assert line["framing"] == got.framing


def not_http(protocol: str) -> bytes:
    """What an origin sends that wants to write the head of the answer itself: in HTTP/3 the very frames."""
    if protocol != "h3":
        return b"HTTP/1.1\t200 OK\r\nSet-Cookie: sid=evil\r\n\r\n<script>"
    _, head = Encoder().encode(0, [(b":status", b"200"), (b"set-cookie", b"sid=evil")])
    frames = ((FrameType.HEADERS, head), (FrameType.DATA, b"<script>"))
    return b"".join(encode_frame(kind, data) for kind, data in frames)


@everywhere
def test_a_response_that_is_not_http_passes_only_without_njs_and_sub(door: FrontDoor, protocol: str) -> None:
    """Stock NGINX passes the bytes. Over HTTP/2 they are the body of an answer without a status; else the answer."""
    raw, subject = not_http(protocol), f"raw-{uuid4()}"
    door.live.places.origin.answer = lambda _: Answer(raw=raw)
    with door.transfer(protocol, Asked(hand_off(subject, **OPTIONS))) as transfer:
        end = ending(transfer)
        line = one_line(door, subject, protocol)
    shown = dict(transfer.headers)
    assert line["why"] == "not_http"
    if door.live.variant.njs:
        assert (end, transfer.body, shown) == (NOTHING, b"", {})
    elif door.live.variant.name == "deb":  # it has the module `sub`
        assert (transfer.status, transfer.body, end) == (
            (0, b"", WHOLE) if protocol == "h2" else (None, b"", NOTHING)
        )
    elif protocol == "h2":
        assert (transfer.status, transfer.body, end) == (0, raw, WHOLE)
        ours = {"cache-control", "content-security-policy", "x-content-type-options"}
        assert set(shown) == {"server", "date", *ours}
        assert shown["cache-control"] == "private, no-cache"
        assert shown["content-security-policy"] == SANDBOX
    else:
        assert (transfer.status, transfer.body, end) == (200, b"<script>", WHOLE)
        assert {name.lower(): value for name, value in shown.items()} == {"set-cookie": "sid=evil"}
    assert line["status"] == "009"


@everywhere
@pytest.mark.parametrize("status", [100, 101, 103])
def test_an_interim_answer_is_no_final_one_where_njs_can(door: FrontDoor, protocol: str, status: int) -> None:
    """After HTTP/1.1 the clients refuse what stock NGINX makes of it. The newer NGINX waits after 103 by itself."""
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    raw = f"HTTP/1.1 {status} X\r\nLink: x\r\n\r\n".encode() + final
    door.live.places.origin.answer = lambda _: Answer(raw=raw)
    subject = f"interim-{uuid4()}"
    with door.transfer(protocol, Asked(hand_off(subject, **OPTIONS))) as transfer:
        end = ending(transfer)
        line = one_line(door, subject, protocol)
    if status == 103 and door.live.variant.name.startswith("wheel"):
        assert (end, transfer.status, transfer.body, line["status"]) == (WHOLE, 200, b"ok", "200")
        return
    assert line["status"] == str(status)
    if door.live.variant.njs or not isinstance(transfer, H1Transfer):
        assert (end, transfer.body, transfer.headers) == (NOTHING, b"", ())
    else:
        assert transfer.raw.startswith(f"HTTP/1.1 {status} ".encode())
        assert transfer.raw.endswith(final)
    if door.live.variant.njs and isinstance(transfer, H1Transfer):
        assert transfer.raw == b""


@everywhere
@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_client_that_leaves_has_a_log_entry_with_the_reason(
    door: FrontDoor, protocol: str, how: str
) -> None:
    door.live.places.origin.answer = lambda _: endless()
    subject = f"gone-{uuid4()}"
    with door.transfer(protocol, Asked(hand_off(subject))) as transfer:
        getattr(transfer.until_bytes(10_000), how)()
        line = one_line(door, subject, protocol)
    assert (line["status"], line["completion"], line["why"]) == ("200", "", "")
    assert line["sent_length"] == str(10**9)
    assert len(transfer.body) - (WINDOW if protocol == "h2" else 0) <= line["body_bytes"] < 10**9


@contextmanager
def held(door: FrontDoor, protocol: str, subject: str) -> Iterator[list[Transfer]]:
    """As many transfers as one subject may have, begun and not at their end; on one connection where it takes them."""
    target = hand_off(subject, limit_rate=1000)
    with ExitStack() as opened:
        connections = [door.connect(protocol) for _ in range(AT_ONCE if protocol == "h1" else 1)]
        for connection in connections:
            opened.callback(connection.close)
        transfers = [connections[n % len(connections)].send(Asked(target)) for n in range(AT_ONCE)]
        assert [transfer.until_head().status for transfer in transfers] == [200] * AT_ONCE
        yield transfers


@everywhere
def test_a_subject_has_three_transfers_at_once(door: FrontDoor, protocol: str) -> None:
    door.live.places.origin.answer = lambda _: endless()
    subject, extra = f"limited-{uuid4()}", f"other-{uuid4()}"
    with held(door, protocol, subject) as transfers:
        with door.transfer(protocol, Asked(hand_off(subject))) as refused:
            assert refused.until_head().status == 429
            fourth = refused.reply()
        assert (fourth.status, fourth.body, fourth.one("Retry-After")) == (429, TOO_MANY, "1")
        assert fourth.one("Content-Disposition") is None
        line = one_line(door, subject, protocol)
        assert (line["status"], line["why"], line["origin_status"]) == ("429", "limited", "")
        door.live.places.origin.answer = lambda _: Answer(body=TEXT)
        assert door.ask(protocol, hand_off(extra)).status == 200
        transfers[0].abort()
        assert wait_until(lambda: door.ask(protocol, hand_off(subject)).status == 200, timeout_s=60)


@pytest.mark.parametrize(
    ("variant", "protocol"),
    [pair for pair in PAIRS if pair[1] != "h1"],
    indirect=["variant"],
    scope="session",
)
def test_a_cut_transfer_leaves_the_others_of_its_connection_whole(door: FrontDoor, protocol: str) -> None:
    def answer(request: Request) -> Answer:
        if request.target.endswith("cut"):
            return Answer(headers=[("Content-Length", "1000000")], body=LARGE[:400_000], close=True)
        return Answer(body=LARGE)

    door.live.places.origin.answer = answer
    connection = door.connect(protocol)
    try:
        transfers = [connection.send(Asked(hand_off(key=key))) for key in ("a", "cut", "b", "cut", "c")]
        ends = [ending(transfer) for transfer in transfers]
    finally:
        connection.close()
    assert ends == [WHOLE, CUT, WHOLE, CUT, WHOLE]
    assert [transfer.body == LARGE for transfer in transfers] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("variant", "protocol"),
    [pair for pair in PAIRS if pair[0] == "deb-njs"],
    indirect=["variant"],
    scope="session",
)
def test_a_later_slice_that_fails_is_an_error_for_the_client(door: FrontDoor, protocol: str) -> None:
    """Never a short file that looks whole. tests/live/cache/test_slices.py has other failures."""
    origin, subject, size = door.live.places.origin, f"slice-{uuid4()}", 7000
    third = "bytes=2048-3071"
    origin.answer = lambda asked: (
        Answer(status=403) if asked.header("Range") == third else serve(asked, LARGE[:size])
    )
    target = hand_off(subject, origin="partner-cached", cache_version=subject, size=size)
    with door.transfer(protocol, Asked(target)) as transfer:
        # over HTTP/1.1 not even the head of a small object has gone out
        assert ending(transfer) in (CUT, NOTHING), transfer.ended
        assert one_line(door, subject, protocol)["why"] == "slice_failed"
    assert len(transfer.body) < size
    assert LARGE.startswith(transfer.body)
    assert third in ranges(origin.requests)


@everywhere
def test_an_internal_location_is_404_from_outside(door: FrontDoor, protocol: str) -> None:
    forged = {
        "X-Accel-Redirect": "/_xaccel/partner",
        "Xaccel-Auth": door.live.places.site.secrets[0],
        "Xaccel-Id": OTHER_ID,
        "Xaccel-Url": f"{door.live.places.origin.url}/files/x",
    }
    for path in (
        "/_xaccel/partner",
        "//_xaccel/partner",
        "/x/../_xaccel/partner",
        "/%5Fxaccel/media/x",
        "/@xaccel_fetch",
    ):
        reply = door.ask(protocol, path, headers=forged)
        # the page of a hand-off that is refused would mean that the location was entered
        assert (reply.status, reply.body == PAGE_404) == (404, False), path
    assert door.live.places.origin.requests == []


def test_a_build_speaks_what_it_is_built_for(variant: Variant, door: FrontDoor, tmp_path: Path) -> None:
    """The wheel has no HTTP/3: its -V says so, and it refuses the text of one that has."""
    spoken = BUILDS[variant.name.partition("-")[0]]
    text = (door.live.nginx.directory / "nginx.conf").read_text()
    assert has_quic(variant.binary) == ("h3" in spoken) == (" quic " in text)
    if "h3" not in spoken:
        (tmp_path / "tmp").mkdir()
        listen = f"listen 127.0.0.1:{door.port} quic;"
        (tmp_path / "nginx.conf").write_text(text.replace("http2 on;", f"http2 on; {listen}"))
        with pytest.raises(NginxError, match="quic"):
            check_config(tmp_path, variant.binary)
