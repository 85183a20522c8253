"""Signatures that end while a client still reads: an object in one piece is whole, one in slices is cut."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live.conftest import build_of
from tests.live.objects import ranges, serve
from tests.live.stage import Stage, stage, target
from xaccel.testing import Answer, Origin, Variant, origin_server
from xaccel.testing.origin import Request

pytestmark = pytest.mark.nginx

BODY = bytes(range(256)) * 4096 * 24
"""24 MB: more than NGINX and the kernels hold of a transfer that nobody reads."""
LIFE_S, RATE = 2, 24 << 20
"""The usual life of a signature, and the slowest client's rate."""


def ends(request: Request) -> float:
    """When the signature of a request ends, as S3 reckons it."""
    query = parse_qs(urlsplit(request.target).query)
    begun = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return begun.timestamp() + int(query["X-Amz-Expires"][0])


def store(request: Request, ahead_s: float = 0) -> Answer:
    """What a store answers whose clock is so far ahead."""
    if time.time() + ahead_s > ends(request):
        return Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    return serve(request, BODY)


@pytest.fixture(scope="module")
def running(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Origin]]:
    with origin_server(store) as origin:
        lasting = {
            "bucket": "files",
            "endpoint_url": origin.url,
            "region": "us-east-1",
            "access_key": "key",
            "secret_key": "secret",
            "expires_s": LIFE_S,
            "cache": True,
        }
        origins = {"lasting": lasting, "session": {**lasting, "session_token": "ends some day"}}
        cache = {"path": "cache", "slice": "1m", "slowest_rate": RATE}
        with stage(tmp_path_factory.mktemp("life"), variant, origins, cache=cache) as made:
            yield made, origin


def slow(made: Stage, origin: Origin, which: str, name: str, **options: Any) -> tuple[bytes, dict[str, Any]]:
    """Read a little, wait until the signature has ended, and read on; what came, and the line."""
    origin.requests.clear()
    got = bytearray()

    def read() -> None:
        path = target(which, options={"identity": name, **options})
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            client.settimeout(20)
            client.connect(("127.0.0.1", made.nginx.port))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            got.extend(client.recv(65_536))
            (first, *_) = origin.wait_for(1)
            while time.time() < ends(first) + 0.1:
                time.sleep(0.05)
            while block := client.recv(1 << 20):
                got.extend(block)

    (line,) = made.lines_of(read)
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"Content-Length: {len(BODY)}".encode() in head
    return body, line


def test_an_object_in_one_piece_is_whole_for_the_slowest_client(
    running: tuple[Stage, Origin], request: pytest.FixtureRequest
) -> None:
    """Credentials that may end any time, and an object of unknown size, are never asked for in slices."""
    made, origin = running
    for which, options in (("session", {"size": len(BODY)}), ("lasting", {})):
        body, line = slow(made, origin, which, f"{request.node.name} {which}", **options)
        assert (body == BODY, line["why"], line["completion"]) == (True, "", "OK")
        assert ranges(origin.requests) == [None]


def test_a_signature_that_ends_between_slices_breaks_the_transfer(
    running: tuple[Stage, Origin], request: pytest.FixtureRequest
) -> None:
    """The store's clock jumps behind the fourth request. Resumed with a new signature, the file is whole."""
    made, origin = running
    options = {"identity": request.node.name, "size": len(BODY)}
    origin.requests.clear()
    origin.answer = lambda asked: store(asked, ahead_s=60 if len(origin.requests) > 4 else 0)
    partial: list[bytes] = []

    def download() -> None:
        try:
            partial.append(made.get("lasting", options=options).body)
        except http.client.IncompleteRead as error:
            partial.append(error.partial)

    (line,) = made.lines_of(download)
    origin.answer = store
    (body,) = partial
    sliced = build_of(made.variant).slice
    # by its rate the slowest client takes a second for the file: what the app signs for, where NGINX has slices or not
    lives = {parse_qs(urlsplit(request.target).query)["X-Amz-Expires"][0] for request in origin.requests}
    assert lives == {str(LIFE_S + len(BODY) // RATE)}
    if not sliced:
        assert (body == BODY, line["why"], ranges(origin.requests)) == (True, "", [None])
        return
    assert (len(body), BODY.startswith(body)) == (4 << 20, True)
    assert (line["why"], line["completion"], line["body_bytes"]) == ("slice_failed", "", len(body))
    rest = made.get("lasting", headers={"Range": f"bytes={len(body)}-"}, options=options)
    assert (rest.status, body + rest.body == BODY) == (206, True)
