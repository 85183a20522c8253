"""HEAD of an object that may be kept: the origin is asked by GET, for no more than the head needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.cached_files import cached_files
from tests.live.client import Reply
from tests.live.conftest import build_of
from tests.live.objects import serve
from tests.live.stage import Stage, cached_stage
from tests.servers.origin import Answer, Origin, Request
from xaccel_testing import Variant

SLICE = 65_536
FIRST = "bytes=0-65535"
LARGE = bytes(range(256)) * 4096
SMALL = LARGE[:SLICE]
"""Never sliced."""


@pytest.fixture
def running(variant: Variant, tmp_path: Path) -> Iterator[tuple[Stage, Origin]]:
    with cached_stage(
        tmp_path, variant, lambda request: serve(request, LARGE), cache={"slice": "64k"}
    ) as made:
        yield made


@pytest.mark.parametrize("size", [len(SMALL), len(LARGE), None], ids=["small", "large", "unknown"])
def test_head_without_a_cached_object_fetches_a_slice_or_caches_nothing(
    running: tuple[Stage, Origin], size: int | None
) -> None:
    made, origin = running
    body = SMALL if size == len(SMALL) else LARGE
    sliced = "slice" in build_of(made.variant).modules and size == len(LARGE)
    options = {"cache_version": "x", "size": size}
    sent, over, answered = [0], threading.Event(), threading.Event()

    def counted(part: bytes) -> Iterator[bytes]:
        try:
            for start in range(0, len(part), SLICE):
                yield part[start : start + SLICE]
                sent[0] += SLICE
                assert answered.wait(60), "NGINX waits for more than the head"
        finally:
            over.set()

    def answer(request: Request) -> Answer:
        whole = serve(request, body)
        assert isinstance(whole.body, bytes)
        length = ("Content-Length", str(len(whole.body)))
        return replace(whole, headers=[*whole.headers, length], body=counted(whole.body))

    def asked(method: str) -> tuple[Reply, str, list[tuple[str, str | None]]]:
        origin.requests.clear()
        reply, line = made.logged("store", method=method, options=options)
        assert (reply.status, reply.one("Content-Length")) == (200, str(len(body)))
        assert (line["status"], line["why"], line["body_bytes"]) == ("200", "", len(reply.body))
        return reply, line["cache"], [(each.method, each.header("Range")) for each in origin.requests]

    origin.answer = answer
    assert asked("HEAD")[1:] == ("MISS", [("GET", FIRST if sliced else None)])
    answered.set()
    assert over.wait(60)
    assert body is SMALL or sent[0] < len(LARGE)
    assert len(cached_files(made.nginx.directory / "cache")) == (1 if sliced else 0)
    reply, cache, _ = asked("GET")
    assert (reply.body == body, cache) == (True, "HIT" if sliced else "MISS")
    assert asked("HEAD")[1:] == ("HIT", [])
