"""Origins that do not answer, or stop in the middle: what the user gets, and what the line says."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live.client import Reply
from tests.live.origin.bad_origins import (
    Behaviour,
    begins,
    big_head,
    impatient,
    leaves,
    resets,
    silent,
    slow_head,
)
from tests.live.raw_server import raw_server, reset
from tests.live.stage import Stage, line_where, stage
from xaccel.testing import Variant

PAGES = {
    502: b"The file store did not deliver the file.\n",
    504: b"The file store did not respond in time. Try again in a moment.\n",
}


LENGTH, CHUNKED = b"Content-Length: 1000", b"Transfer-Encoding: chunked"
STALL: Behaviour = lambda _, ended: bool(ended.wait())  # noqa: E731
CLOSE: Behaviour = lambda *_: None  # noqa: E731
RESET: Behaviour = lambda connection, _: reset(connection)  # noqa: E731

BEHAVIOURS: dict[str, Behaviour] = {
    "silent": silent,
    "slow-head": slow_head,
    "leaves": leaves,
    "resets": resets,
    "big-head": big_head,
    "length-stalls": begins(LENGTH, b"x" * 400, STALL),
    "length-ends": begins(LENGTH, b"x" * 400, CLOSE),
    "length-resets": begins(LENGTH, b"x" * 400, RESET),
    "chunked-stalls": begins(CHUNKED, b"190\r\n" + b"x" * 400 + b"\r\n", STALL),
    "chunked-ends": begins(CHUNKED, b"190\r\n" + b"x" * 400 + b"\r\n", CLOSE),
    "chunked-breaks": begins(CHUNKED, b"190\r\n" + b"x" * 400 + b"\r\nnot a size\r\n", CLOSE),
}


@dataclass
class Outcome:
    """What one client saw, with the line of its transfer; `reply` is what came instead of a whole answer."""

    reply: Reply | Exception
    line: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def outcomes(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """One download from each origin, all at once: most of them wait for a second."""
    with ExitStack() as opened:
        origins: dict[str, dict[str, object]] = {
            name: {"base_url": f"http://{opened.enter_context(raw_server(behaviour))}/"}
            for name, behaviour in BEHAVIOURS.items()
        }
        bound = opened.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))  # never listens
        origins["refuses"] = {"base_url": f"http://127.0.0.1:{bound.getsockname()[1]}/"}
        full = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):  # the queue holds one more than its backlog; further connections wait for ever
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        origins["does-not-accept"] = {"base_url": f"http://127.0.0.1:{full.getsockname()[1]}/"}
        running = opened.enter_context(
            stage(tmp_path_factory.mktemp("impatient"), variant, origins, change=impatient)
        )
        pool = opened.enter_context(ThreadPoolExecutor(len(origins)))
        yield dict(zip(origins, pool.map(lambda name: download(running, name), origins), strict=True))


def download(running: Stage, origin: str) -> Outcome:
    started = time.monotonic()
    reply: Reply | Exception
    try:
        reply = running.get(origin, options={"filename": "secret-name.txt", "subject": origin})
    except (http.client.HTTPException, ConnectionError) as error:
        reply = error
    seconds = time.monotonic() - started
    return Outcome(reply, line_where(running.nginx, "subject", origin), seconds)


@pytest.mark.parametrize(
    ("origin", "status", "why"),
    [
        ("silent", 504, "origin_timeout"),
        ("slow-head", 504, "origin_timeout"),
        ("does-not-accept", 504, "origin_timeout"),
        ("refuses", 502, "origin_failed"),
        ("leaves", 502, "origin_failed"),
        ("resets", 502, "origin_failed"),
        ("big-head", 502, "origin_failed"),
    ],
)
def test_before_the_head_the_user_gets_a_plain_page(
    outcomes: dict[str, Outcome], origin: str, status: int, why: str
) -> None:
    outcome = outcomes[origin]
    reply, line = outcome.reply, outcome.line
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.one("Content-Type")) == (status, PAGES[status], "text/plain")
    assert reply.one("Content-Disposition") is None
    assert reply.one("Cache-Control") == "no-store"
    assert (line["status"], line["origin_status"], line["why"]) == (str(status), str(status), why)
    assert outcome.seconds < 8


@pytest.mark.parametrize("origin", [name for name in BEHAVIOURS if name.startswith(("length", "chunked"))])
def test_in_the_middle_of_the_body_the_transfer_breaks_and_is_never_short_and_whole(
    outcomes: dict[str, Outcome], origin: str
) -> None:
    assert isinstance(outcomes[origin].reply, http.client.IncompleteRead | ConnectionError)
    line = outcomes[origin].line
    assert (line["status"], line["origin_status"]) == ("200", "200")
    if origin.startswith("length"):
        # NGINX calls this complete: only the length that was announced tells the difference
        assert (line["completion"], line["sent_length"], line["why"]) == ("OK", "1000", "origin_cut")
        assert line["body_bytes"] <= 400
    else:
        # without a length nothing in the line can: whoever reads it must not take such a transfer for whole
        assert (line["framing"], line["sent_length"], line["why"]) == ("chunked", "", "")
