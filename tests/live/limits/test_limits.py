"""Rate of one transfer, and transfers at once for one subject."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.live.client import send_target
from tests.live.conftest import Live
from tests.live.limits.held import AT_ONCE, MIB, PAGE, held
from tests.live.stage import line_where, stage, target
from tests.servers.origin import Answer, Request
from xaccel.handoff.headers import LONGEST_KEY
from xaccel.tools.nginx import Parts
from xaccel_testing import Variant
from xaccel_testing.servers.nginx_server import CONFIG
from xaccel_testing.servers.processes import wait_until


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    places.s3.put(places.bucket, "limits.bin", b"x" * MIB, "application/octet-stream")
    (places.media / "limits.bin").write_bytes(b"x" * MIB)
    (places.media / "small.bin").write_bytes(b"x")


def seconds_of(
    port: int, target: Callable[[Mapping[str, Any]], str], *each: Mapping[str, Any]
) -> list[float]:
    """How long downloads of 1 MiB took, one after another on one connection: the first is limited, the others are not.

    A busy machine can hold up one of these, so the shortest of up to ten tries counts.
    """
    limited, *others = _one_try(port, target, *each)
    for _ in range(9):
        if max(others) < LEAST_S:
            break
        others = [min(pair) for pair in zip(others, _one_try(port, target, *each[1:]), strict=True)]
    return [limited, *others]


def _one_try(port: int, target: Callable[[Mapping[str, Any]], str], *each: Mapping[str, Any]) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds = []
    try:
        for options in each:
            started = time.monotonic()
            connection.request("GET", target(options))
            response = connection.getresponse()
            assert (response.status, len(response.read())) == (200, MIB)
            seconds.append(time.monotonic() - started)
    finally:
        connection.close()
    return seconds


LEAST_S = 0.95
"""Seconds of 1 MiB at 500,000 bytes a second.

NGINX allows the rate times the whole seconds since the request began, plus one (ngx_http_write_filter_module.c). So a
request that begins at the end of a second may have sent 1.5 MB one second later.
"""


def test_the_rate_limits_this_transfer_and_not_the_next(live: Live) -> None:
    def of(origin: str) -> list[float]:
        def asked(options: Mapping[str, Any]) -> str:
            return send_target({"origin": origin, "key": "limits.bin", "options": options})

        free = {"limit_rate": 500_000, "limit_rate_after": 800_000}
        return seconds_of(live.nginx.port, asked, {"limit_rate": 500_000}, {}, free)

    with ThreadPoolExecutor() as pool:
        measured = list(pool.map(of, ("documents", "media")))
    for limited, unlimited, first_part_free in measured:
        assert limited > LEAST_S
        assert max(unlimited, first_part_free) < LEAST_S


def test_the_sites_rate_applies_without_a_rate_of_the_app(variant: Variant, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * MIB)
    settings = {"limit_rate": 500_000, "limit_rate_after": 800_000}
    each = ({"limit_rate_after": 0}, {}, {"limit_rate": "unlimited"}, {"limit_rate": 10**17})
    with stage(tmp_path / "nginx", variant, {"media": {"root": str(tmp_path)}}, **settings) as running:
        limited, first_part_free, *unlimited = seconds_of(
            running.nginx.port, lambda options: target("media", options=options), *each
        )
    assert limited > LEAST_S
    assert max(first_part_free, *unlimited) < LEAST_S


def begin(live: Live, origin: str, count: int, **options: Any) -> AbstractContextManager[Callable[[], None]]:
    """Hold `count` transfers."""
    target = send_target({"origin": origin, "key": "limits.bin", "options": {"limit_rate": 1000, **options}})
    return held(live.nginx.port, [target] * count)


def test_without_a_subject_nobody_is_limited(live: Live) -> None:
    with begin(live, "documents", AT_ONCE + 1, subject=""):
        assert live.get("documents", "limits.bin").status == 200


def test_a_head_request_is_counted_too_and_has_no_body(live: Live) -> None:
    subject = f"head-{uuid4()}"
    with begin(live, "media", AT_ONCE, subject=subject):
        reply = live.get("media", "limits.bin", method="HEAD", options={"subject": subject})
        assert (reply.status, reply.body, reply.one("Retry-After")) == (429, b"", "1")


@pytest.mark.parametrize("origin", ["documents", "media"])
def test_each_class_counts_for_itself_and_no_class_means_the_default(live: Live, origin: str) -> None:
    subject = f"classes-{uuid4()}"

    def status(**options: str) -> int:
        return live.get(origin, "limits.bin", options={"subject": subject, **options}).status

    with ExitStack() as opened:
        opened.enter_context(begin(live, origin, 1, subject=subject, concurrency="guests"))
        assert status(concurrency="guests") == 429
        opened.enter_context(begin(live, origin, AT_ONCE, subject=subject))
        assert [status(), status(concurrency="default"), status(concurrency="guests")] == [429] * 3
        opened.enter_context(begin(live, origin, AT_ONCE + 1, subject=subject, concurrency="unlimited"))
        assert status(concurrency="unlimited") == 200
        assert status(concurrency="guests", subject="somebody else") == 200


def test_a_class_that_the_printed_text_does_not_know_counts_as_the_default(live: Live) -> None:
    """The app was restarted with a new class, and nobody has printed the text again."""
    subject, put = f"newer-{uuid4()}", {"Xaccel-Concurrency": "newer"}
    with begin(live, "media", AT_ONCE, subject=subject):
        assert live.get("media", "limits.bin", options={"subject": subject}, put=put).status == 429


@pytest.mark.parametrize("key", ["team 7", "zo\u00eb \u2603 | $x\n", "k" * 255, "k" * 256], ids=ascii)
def test_transfers_are_counted_by_any_key_across_subjects(live: Live, key: str) -> None:
    asked = {"subject": "first", "concurrency": "guests", "concurrency_key": key}
    with begin(live, "media", 1, **asked):
        asked["subject"] = "second"
        assert live.get("media", "limits.bin", options=asked).status == 429
        assert live.get("media", "limits.bin", options={**asked, "concurrency_key": "else"}).status == 200


@pytest.mark.parametrize(("length", "status"), [(LONGEST_KEY, 429), (LONGEST_KEY + 1, 200)])
def test_nginx_itself_counts_no_key_that_is_longer(live: Live, length: int, status: int) -> None:
    """Why the app hashes such a key."""
    put = {"Xaccel-Concurrency-Key": "z" * length}
    options = {"subject": "long", "concurrency": "guests", "limit_rate": 1000}
    asked = {"origin": "media", "key": "limits.bin", "options": options, "put": put}
    with held(live.nginx.port, [send_target(asked)]):
        reply = live.get("media", "limits.bin", method="HEAD", options=options, put=put)
        assert reply.status == status


def test_the_steps_of_a_redirect_count_once(live: Live) -> None:
    def answer(request: Request) -> Answer:
        step = int(request.target.rpartition("/")[2])
        return Answer(status=302, headers=[("Location", str(step - 1))]) if step else Answer(body=b"found")

    live.places.origin.answer = answer
    asked = {"origin": "partner", "key": "3", "options": {"subject": "leads", "concurrency": "guests"}}
    # on one connection, since another worker may still count the first request
    connection = http.client.HTTPConnection("127.0.0.1", live.nginx.port, timeout=60)
    with closing(connection):
        for _ in range(2):
            connection.request("GET", send_target(asked))
            assert connection.getresponse().read() == b"found"


@pytest.mark.parametrize("kept", [True, False], ids=["one connection", "a connection each"])
def test_a_class_of_one_has_its_place_back_within_a_second_of_the_last_byte(
    live: Live, *, kept: bool
) -> None:
    """Another worker counts a request until NGINX destroys it, after the last byte and the log entry."""
    options = {"subject": f"alone-{uuid4()}", "concurrency": "guests"}
    target = send_target({"origin": "media", "key": "small.bin", "options": options})
    connection = http.client.HTTPConnection("127.0.0.1", live.nginx.port, timeout=60)

    def is_sent() -> bool:
        if not kept:
            connection.close()
        connection.request("GET", target)
        response = connection.getresponse()
        response.read()
        assert response.status == 200 or (response.status, response.getheader("Retry-After")) == (429, "1")
        return response.status == 200

    with closing(connection):
        for _ in range(100):
            assert is_sent() or (not kept and wait_until(is_sent, timeout_s=60))


@pytest.mark.parametrize(("length", "each"), [(92, 128), (LONGEST_KEY, 512)])
def test_if_the_zone_is_full_a_new_subject_is_429_and_others_continue(
    variant: Variant, tmp_path: Path, length: int, each: int
) -> None:
    """32 KB, the least that NGINX accepts. docs/operate/limits.md says how much of it a key needs."""

    def small(parts: Parts) -> Parts:
        http = tuple(
            replace(item, args=(item.args[0], item.args[1].replace(":10m", ":32k")))
            if item.name == "limit_conn_zone"
            else item
            for item in parts.http
        )
        return replace(parts, http=http)

    (tmp_path / "x").write_bytes(b"x" * MIB)
    origins = {"media": {"root": str(tmp_path)}}
    with (
        stage(tmp_path / "nginx", variant, origins, change=small, concurrency=8) as running,
        ExitStack() as opened,
    ):

        def options(subject: int) -> dict[str, Any]:
            return {"subject": f"{subject:0{length}}", "limit_rate": 1000}

        def begin_one(subject: int) -> Callable[[], None]:
            return opened.enter_context(held(running.nginx.port, [target("media", options=options(subject))]))

        def has_room() -> bool:
            # a request is counted until its entry is written, after its response
            _, line = running.logged("media", method="HEAD", options=options(1000))
            return line["status"] == "200"

        ends: list[Callable[[], None]] = []
        while has_room() and len(ends) < 300:
            ends.append(begin_one(len(ends)))
        assert 0.6 * 32_768 <= len(ends) * each < 32_768
        full = running.get("media", options=options(1000))
        assert (full.status, full.body) == (429, PAGE)
        line = line_where(running.nginx, "id", running.hand_offs[-1].event.transfer_id)
        assert line["why"] == "limited"
        assert "no memory in limit_conn_zone" in running.nginx.error_log
        begin_one(0)
        ends[1]()
        assert wait_until(
            lambda: running.get("media", method="HEAD", options=options(1001)).status == 200, timeout_s=60
        )


def test_transfers_that_run_when_nginx_reloads_go_on_and_are_counted_on(
    variant: Variant, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"x" * MIB)
    with stage(
        tmp_path / "nginx", variant, {"media": {"root": str(tmp_path)}}, concurrency=AT_ONCE
    ) as running:
        options = {"subject": "before", "limit_rate": 1000}

        def status() -> int:
            return running.get("media", method="HEAD", options=options).status

        with held(running.nginx.port, [target("media", options=options)] * AT_ONCE) as end_one:
            running.nginx.reload((running.nginx.directory / CONFIG).read_text())
            assert status() == 429
            end_one()
            assert wait_until(lambda: status() == 200, timeout_s=60)
