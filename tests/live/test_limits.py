"""Rate of one transfer, and transfers at once for one subject."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import pytest

from tests.live.client import send_target
from tests.live.conftest import Live
from tests.live.stage import line_where
from xaccel.testing import Answer
from xaccel.testing.processes import wait_until

pytestmark = [pytest.mark.main, pytest.mark.nginx]

MIB = 1024 * 1024
AT_ONCE = 3
PAGE = b"Too many downloads at once. Try again in a moment.\n"


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    places.s3.put(places.bucket, "limits.bin", b"x" * MIB, "application/octet-stream")
    (places.media / "limits.bin").write_bytes(b"x" * MIB)


def seconds_of(live: Live, origin: str) -> list[float]:
    """How long a download with a rate took, and one without on the same connection."""
    connection = http.client.HTTPConnection("127.0.0.1", live.nginx.port, timeout=20)
    seconds = []
    try:
        for options in ({"limit_rate": 500_000}, {}):
            started = time.monotonic()
            connection.request(
                "GET", send_target({"origin": origin, "key": "limits.bin", "options": options})
            )
            response = connection.getresponse()
            assert (response.status, len(response.read())) == (200, MIB)
            seconds.append(time.monotonic() - started)
    finally:
        connection.close()
    return seconds


def test_the_rate_holds_for_this_transfer_and_not_for_the_next(live: Live) -> None:
    with ThreadPoolExecutor() as pool:
        measured = list(pool.map(lambda origin: seconds_of(live, origin), ("documents", "media")))
    for limited, unlimited in measured:
        assert 1.5 < limited < 4
        assert unlimited < 1


@contextmanager
def held(live: Live, origin: str, subject: str, count: int) -> Iterator[Callable[[], None]]:
    """`count` transfers of this subject that have begun and will not end; yields what ends one of them."""
    target = send_target(
        {"origin": origin, "key": "limits.bin", "options": {"limit_rate": 1000, "subject": subject}}
    )
    with ExitStack() as open_transfers:
        transfers = []
        for _ in range(count):
            connection = http.client.HTTPConnection("127.0.0.1", live.nginx.port, timeout=20)
            open_transfers.callback(connection.close)
            connection.request("GET", target)
            response = connection.getresponse()
            open_transfers.callback(response.close)
            assert response.status == 200
            transfers.append((connection, response))

        def end_one() -> None:
            for part in reversed(transfers.pop()):
                part.close()

        yield end_one


@pytest.mark.parametrize("origin", ["documents", "media"])
def test_a_subject_has_three_transfers_at_once(live: Live, origin: str) -> None:
    subject, other = f"first-{uuid4()}", f"other-{uuid4()}"

    def ask(who: str):  # type: ignore[no-untyped-def]
        return live.get(
            origin,
            "limits.bin",
            method="HEAD" if who == other else "GET",
            options={"subject": who, "filename": "secret-name.bin"},
        )

    with held(live, origin, subject, AT_ONCE) as end_one:
        fourth = ask(subject)
        assert (fourth.status, fourth.body, fourth.one("Retry-After")) == (429, PAGE, "10")
        assert fourth.one("Content-Type") == "text/plain"
        assert fourth.one("Cache-Control") == "no-store"
        assert fourth.one("Content-Disposition") is None
        assert ask(other).status == 200
        end_one()
        assert wait_until(lambda: ask(subject).status == 200, timeout_s=5)


def test_the_line_says_that_a_transfer_was_limited_and_no_origin_was_asked(live: Live) -> None:
    subject = f"limited-{uuid4()}"
    with held(live, "documents", subject, AT_ONCE):
        live.places.origin.requests.clear()
        assert live.get("partner", "x", options={"subject": subject}).status == 429
        line = line_where(live.nginx, "subject", subject)
    assert (line["status"], line["why"], line["origin_status"]) == ("429", "limited", "")
    assert live.places.origin.requests == []


def test_without_a_subject_nobody_is_limited(live: Live) -> None:
    with held(live, "documents", "", AT_ONCE + 1):
        assert live.get("documents", "limits.bin").status == 200


def test_an_origin_that_is_asked_too_much_is_busy_and_the_user_is_not_to_blame(live: Live) -> None:
    subject = f"blameless-{uuid4()}"
    live.places.origin.answer = lambda _: Answer(
        status=429, headers=[("Retry-After", "999")], body=b"<Error>SlowDown bucket</Error>"
    )
    reply = live.get("partner", "x", options={"subject": subject})
    line = line_where(live.nginx, "subject", subject)
    assert (reply.status, reply.one("Retry-After")) == (503, "10")
    assert reply.body == b"The file store is busy. Try again in a moment.\n"
    assert (line["status"], line["why"], line["origin_status"]) == ("503", "origin_429", "429")
