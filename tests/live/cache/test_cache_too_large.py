"""Objects larger than the cache: never kept as a whole, so that its bound holds and no disk is too small for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.live.cached_files import cached_files
from tests.live.client import begun
from tests.live.conftest import build_of
from tests.live.objects import ranges, serve
from tests.live.small_disk import small_disk
from tests.live.stage import Stage, cached_stage, target
from tests.servers.origin import Answer, Origin, Request
from xaccel_testing import Variant

SLICE = 65_536
MAX = 2 * SLICE
BODY = bytes(range(251)) * 4_000
"""More than disk and buffers hold."""


def whole(request: Request) -> Answer:
    """From an origin without ranges."""
    return Answer(headers=[("ETag", '"one"')], body=BODY)


def chunks(request: Request) -> Answer:
    return Answer(
        headers=[("Transfer-Encoding", "chunked")], body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    )


@contextmanager
def running(
    directory: Path, variant: Variant, answer: Callable[[Request], Answer], **cache: str
) -> Iterator[tuple[Stage, Origin]]:
    with cached_stage(
        directory,
        variant,
        answer,
        cache={"slice": "64k", "max_size": str(MAX), **cache},
        transfer_log=str(directory / "xaccel.log"),
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("slices", "size", "answer"),
    [("0", len(BODY), whole), ("0", None, whole), ("64k", None, whole), ("0", None, chunks)],
    ids=["size known to the app", "to the origin", "slice answered with the whole", "to nobody"],
)
def test_a_disk_that_is_too_small_does_not_cut_a_transfer(
    variant: Variant, tmp_path: Path, slices: str, size: int | None, answer: Callable[[Request], Answer]
) -> None:
    """Not a byte of it goes there."""
    with (
        small_disk(tmp_path, "128k"),
        running(tmp_path, variant, answer, slice=slices) as (made, origin),
    ):

        def get() -> None:
            assert made.get("store", options={"cache_version": "large", "size": size}).body == BODY

        for _ in range(2):
            (line,) = made.lines_of(get)
            assert (line["status"], line["completion"], line["why"]) == ("200", "OK", "")
            assert cached_files(tmp_path / "cache") == []
        assert len(origin.requests) == 2


def test_slices_of_an_object_larger_than_the_cache_are_cached(variant: Variant, tmp_path: Path) -> None:
    """NGINX can remove each slice on its own. Without slices, or without the size, a range is not cached."""
    second = "bytes=65536-131071"
    with running(tmp_path, variant, lambda request: serve(request, BODY)) as (made, origin):
        for size in (len(BODY), None):
            origin.requests.clear()
            options = {"cache_version": str(size), "size": size}
            for _ in range(2):
                reply = made.get("store", headers={"Range": second}, options=options)
                assert (reply.status, reply.body) == (206, BODY[SLICE : 2 * SLICE])
            sliced = "slice" in build_of(variant).modules and size
            assert ranges(origin.requests) == [second] * (1 if sliced else 2)


def test_the_whole_object_comes_in_one_request(variant: Variant, tmp_path: Path) -> None:
    """In slices it would cost memory for each, and push out all that is kept. A range and a HEAD keep their slices."""
    first, last = "bytes=0-65535", "bytes=983040-1048575"
    with running(tmp_path, variant, lambda request: serve(request, BODY)) as (made, origin):
        sliced = "slice" in build_of(variant).modules
        for method, given, asked in (
            ("GET", {}, [None]),
            ("GET", {"Range": "bytes=0-9,20-29"}, [None]),
            ("HEAD", {}, [first] if sliced else [None]),
            ("GET", {"Range": "bytes=990000-"}, [last] if sliced else ["bytes=990000-"]),
        ):
            origin.requests.clear()
            options = {"cache_version": "large", "size": len(BODY)}
            reply = made.get("store", method=method, headers=given, options=options)
            assert (reply.status, len(reply.body)) == (
                (206, len(BODY) - 990_000)
                if "bytes=990000-" in given.values()
                else (200, len(BODY) * (method == "GET"))
            )
            assert ranges(origin.requests) == asked


@pytest.mark.parametrize("slices", ["0", "64k"])
def test_a_client_that_leaves_is_not_taken_for_a_full_disk(
    variant: Variant, tmp_path: Path, slices: str
) -> None:
    """What is not kept is not read to its end when nobody wants it."""
    with running(tmp_path, variant, whole, slice=slices) as (made, _):

        def leave(size: int | None) -> None:
            options = {"cache_version": f"left {size}", "limit_rate": 1000, "size": size}
            path = target("store", options=options)
            with begun(made.nginx.port, path) as client:
                assert client.recv(100).startswith(b"HTTP/1.1 200")

        for size in (len(BODY), None):
            (line,) = made.lines_of(partial(leave, size))
            assert (line["status"], line["completion"], line["why"]) == ("200", "", "")
