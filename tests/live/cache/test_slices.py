"""Objects in slices, on an NGINX that has them; on one that has not, the same requests are answered all the same."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live.client import begun
from tests.live.conftest import build_of
from tests.live.objects import ranges, serve
from tests.live.stage import Stage, cached_stage, target
from tests.servers.origin import Answer, Origin, Request
from xaccel_testing import Variant

SLICE = 65_536
BODY = bytes(range(251)) * 2_000
"""7.66 slices."""
FIRST, SECOND, LAST = "bytes=0-65535", "bytes=65536-131071", "bytes=458752-524287"
ALL = [f"bytes={first}-{first + SLICE - 1}" for first in range(0, len(BODY), SLICE)]


@dataclass
class Sliced:
    """A stage whose cached origin is real; each test has an object of its own."""

    stage: Stage
    origin: Origin
    slices: bool
    name: str

    def get(self, headers: dict[str, str] | None = None, **options: Any):  # type: ignore[no-untyped-def]
        given = {"cache_version": self.name, "size": len(BODY), **options}
        return self.stage.get("store", headers=headers or {}, options=given)

    def asked(self) -> list[str | None]:
        """The ranges that the origin was asked for since the last call."""
        found = ranges(self.origin.requests)
        self.origin.requests.clear()
        return found


@pytest.fixture(scope="module")
def running(
    variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, Origin, bool]]:
    directory = tmp_path_factory.mktemp("slices")
    with cached_stage(directory, variant, lambda request: serve(request, BODY), cache={"slice": "64k"}) as (
        made,
        origin,
    ):
        yield made, origin, "slice" in build_of(variant).modules


@pytest.fixture
def sliced(running: tuple[Stage, Origin, bool], request: pytest.FixtureRequest) -> Sliced:
    made, origin, slices = running
    origin.answer = lambda asked: serve(asked, BODY)
    origin.requests.clear()
    return Sliced(made, origin, slices, request.node.name)


def test_the_module_is_found_by_its_name(sliced: Sliced, variant: Variant) -> None:
    assert sliced.slices == variant.name.startswith("deb")


def test_each_slice_is_fetched_once(sliced: Sliced) -> None:
    (line,) = sliced.stage.lines_of(sliced.get)
    assert sliced.asked() == (ALL if sliced.slices else [None])
    assert (line["status"], line["body_bytes"], line["sent_length"]) == ("200", len(BODY), str(len(BODY)))
    assert (line["cache"], line["why"], line["completion"]) == ("MISS", "", "OK")
    assert line["origin_status"] == ("206" if sliced.slices else "200")
    reply = sliced.get()
    assert (reply.status, reply.body, sliced.asked()) == (200, BODY, [])


@pytest.mark.parametrize(
    ("asked", "part", "needed"),
    [
        ("bytes=70000-70009", (70_000, 70_010), [SECOND]),
        ("bytes=65535-65536", (65_535, 65_537), [FIRST, SECOND]),
        ("bytes=460000-", (460_000, len(BODY)), [LAST]),
        ("bytes=-10", (len(BODY) - 10, len(BODY)), [FIRST, LAST]),
    ],
)
def test_a_range_fetches_the_slices_that_it_needs(
    sliced: Sliced, asked: str, part: tuple[int, int], needed: list[str]
) -> None:
    reply = sliced.get({"Range": asked})
    assert (reply.status, reply.body) == (206, BODY[slice(*part)])
    assert sliced.asked() == (needed if sliced.slices else [asked])
    again = sliced.get({"Range": asked})
    assert (again.status, again.body) == (206, BODY[slice(*part)])
    assert sliced.asked() == ([] if sliced.slices else [asked])


@pytest.mark.parametrize("size", [0, None], ids=["size known", "unknown"])
def test_an_empty_object_is_empty(sliced: Sliced, size: int | None) -> None:
    """It is cached whole. NGINX ignores a Range for a cached empty object (RFC 9110 section 14.2 allows that)."""
    sliced.origin.answer = lambda request: serve(request, b"")
    for _ in range(2):
        reply = sliced.get(size=size)
        assert (reply.status, reply.body, reply.one("Content-Length")) == (200, b"", "0")
    reply = sliced.get({"Range": "bytes=0-5"}, size=size)
    assert (reply.status, reply.body) == (200, b"")
    assert sliced.asked() == [None]


def test_an_object_that_became_empty_is_empty_and_not_cached(sliced: Sliced) -> None:
    """The first slice gets a 416, so NGINX fetches the whole. njs refuses it: the app gave another size."""

    def download() -> None:
        if sliced.stage.variant.njs:
            with pytest.raises(http.client.RemoteDisconnected):
                sliced.get()
        else:
            reply = sliced.get()
            assert (reply.status, reply.body) == (200, b"")

    sliced.origin.answer = lambda request: serve(request, b"")
    for _ in range(2):
        (line,) = sliced.stage.lines_of(download)
        assert (line["why"], sliced.asked()) == ("size_differs", [FIRST, None] if sliced.slices else [None])


def test_an_origin_without_ranges_is_cached_whole_and_once(sliced: Sliced) -> None:
    sliced.origin.answer = lambda _: Answer(headers=[("ETag", '"one"')], body=BODY)
    for _ in range(2):
        reply = sliced.get()
        assert (reply.status, reply.body) == (200, BODY)
    assert sliced.asked() == ([FIRST] if sliced.slices else [None])
    for _ in range(2):
        reply = sliced.get({"Range": "bytes=70000-70009"})
        assert (reply.status, reply.body) == (200, BODY)
    assert sliced.asked() == ([SECOND, SECOND] if sliced.slices else [])


def test_what_was_sent_whole_for_a_slice_is_no_part_of_a_later_download(sliced: Sliced) -> None:
    sliced.origin.answer = lambda _: Answer(headers=[("ETag", '"one"')], body=BODY)
    sliced.get({"Range": "bytes=70000-70009"})
    sliced.origin.answer = lambda asked: serve(asked, BODY)
    reply = sliced.get()
    assert (reply.status, reply.body) == (200, BODY)


def test_a_redirected_object_is_fetched_whole(sliced: Sliced) -> None:
    """Each slice would be redirected, and a later one cannot follow. The signature of the target is used once."""

    def answer(request: Request) -> Answer:
        if request.target == "/x":
            return Answer(status=302, headers=[("Location", "/moved?signature=short")])
        return serve(request, BODY)

    sliced.origin.answer = answer
    for _ in range(2):
        assert sliced.get().body == BODY
    part = sliced.get({"Range": "bytes=70000-70009"})
    assert (part.status, part.body) == (206, BODY[70_000:70_010])
    assert sliced.asked() == ([FIRST, None, FIRST, SECOND] if sliced.slices else [None, None])


def cut(request: Request, count: int) -> Answer:
    """An answer that ends after `count` bytes, as when a connection or a server dies."""
    whole = serve(request, BODY)
    headers = [*whole.headers, ("Content-Length", str(len(whole.body)))]  # type: ignore[arg-type]
    return Answer(status=whole.status, headers=headers, body=whole.body[:count], close=True)  # type: ignore[index]


LATER: dict[str, Callable[[Request], Answer]] = {
    "404": lambda _: Answer(status=404, body=b"<Error>missing</Error>"),
    "redirect": lambda _: Answer(status=302, headers=[("Location", "/x")]),
    "nothing": lambda _: Answer(raw=b""),
    "not HTTP": lambda _: Answer(raw=b"<html>no\r\n\r\n"),
    "whole": lambda _: Answer(headers=[("ETag", '"one"')], body=BODY),
    "another object": lambda request: serve(request, BODY[::-1], etag='"two"'),
    "another part": lambda _: Answer(
        status=206,
        headers=[("Content-Range", f"bytes 0-65535/{len(BODY)}"), ("ETag", '"one"')],
        body=BODY[:SLICE],
    ),
    "a cut": lambda request: cut(request, 1000),
    "a cut at the last byte": lambda request: cut(request, SLICE - 1),
    "chunks": lambda request: Answer(
        raw=b'HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\nETag: "one"\r\n'
        + f"Content-Range: bytes {SLICE}-{2 * SLICE - 1}/{len(BODY)}\r\n\r\n3e8\r\n".encode()
        + BODY[SLICE : SLICE + 1000]
    ),
}


@pytest.mark.parametrize("failure", LATER)
def test_a_later_slice_that_fails_cuts_the_transfer(sliced: Sliced, failure: str) -> None:
    """Never a word of a page in the middle of the file, never a short file that looks whole."""
    sliced.origin.answer = lambda request: (
        LATER[failure](request) if request.header("Range") == SECOND else serve(request, BODY)
    )
    if not sliced.slices:
        assert (sliced.get().body, sliced.asked()) == (BODY, [None])
        return
    partial, line = broken(sliced)
    # the end of the first slice may still lie with NGINX when the second fails
    assert 0 < len(partial) < 2 * SLICE
    assert (line["status"], line["why"], line["completion"]) == ("200", "slice_failed", "")
    # the failure is told in the line alone: NGINX's own words would hold the signed URL
    assert sliced.origin.address not in sliced.stage.nginx.error_log
    sliced.origin.answer = lambda request: serve(request, BODY)
    assert sliced.get().body == BODY


def test_a_kept_slice_of_another_object_cuts_the_transfer(sliced: Sliced) -> None:
    """The object was replaced under its identity. In a range that begins inside a slice no variable tells it."""
    sliced.origin.answer = lambda request: serve(request, BODY, etag='"two"')
    assert sliced.get({"Range": "bytes=65536-65540"}).status == 206
    sliced.origin.answer = lambda request: serve(request, BODY)
    if not sliced.slices:  # a range is not kept there
        assert (sliced.get().body, sliced.asked()) == (BODY, ["bytes=65536-65540", None])
        return
    for headers, first, why in ((None, 0, "slice_failed"), ({"Range": "bytes=1000-"}, 1000, "")):
        partial, line = broken(sliced, headers)
        # what the kernel has not taken yet is lost with the transfer
        assert 0 < len(partial) <= SLICE - first
        assert (line["why"], line["completion"]) == (why, "")


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=1000-"}])
def test_a_client_that_leaves_while_a_later_slice_is_awaited_is_no_failure(
    sliced: Sliced, headers: dict[str, str]
) -> None:
    if not sliced.slices:
        first = int(headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        in_one(sliced, headers.get("Range"), BODY[first:])
        return
    gone = threading.Event()

    def answer(request: Request) -> Answer:
        if request.header("Range") == SECOND:
            assert gone.wait(60)
        return serve(request, BODY)

    def leave() -> None:
        path = target("store", options={"cache_version": sliced.name, "size": len(BODY)})
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with begun(sliced.stage.nginx.port, path, headers=lines) as client:
            assert client.recv(100).startswith(b"HTTP/1.1 20")
            sliced.origin.wait_for(2)
        gone.set()

    sliced.origin.answer = answer
    (line,) = sliced.stage.lines_of(leave)
    assert (line["completion"], line["why"]) == ("", "")


def in_one(sliced: Sliced, asked: str | None, body: bytes) -> None:
    """Without the slice module the origin is asked once, for what the client asked: no later slice can fail."""
    reply = sliced.get({} if asked is None else {"Range": asked})
    assert (reply.body, sliced.asked()) == (body, [asked])


def broken(sliced: Sliced, headers: dict[str, str] | None = None) -> tuple[bytes, dict[str, Any]]:
    """What a client got of a transfer that must break, and the only line about it."""
    ends: list[http.client.IncompleteRead] = []

    def download() -> None:
        with pytest.raises(http.client.IncompleteRead) as raised:
            sliced.get(headers)
        ends.append(raised.value)

    (line,) = sliced.stage.lines_of(download)
    (partial,) = (end.partial for end in ends)
    first = int((headers or {"Range": "bytes=0-"})["Range"].removeprefix("bytes=").removesuffix("-"))
    assert partial == BODY[first : first + len(partial)]
    assert line["body_bytes"] == len(partial) < int(line["sent_length"]) == len(BODY) - first
    return partial, line


def test_a_torn_slice_in_a_range_cuts_the_transfer(sliced: Sliced) -> None:
    """What a resumed download puts behind its first part must be in its place."""
    torn = "bytes=131072-196607"
    sliced.origin.answer = lambda request: (
        cut(request, 999) if request.header("Range") == torn else serve(request, BODY)
    )
    if not sliced.slices:
        in_one(sliced, "bytes=70000-", BODY[70_000:])
        return
    partial, line = broken(sliced, {"Range": "bytes=70000-"})
    assert 0 < len(partial) <= 131_072 + 999 - 70_000
    assert (line["status"], line["why"]) == ("206", "slice_failed")
    sliced.origin.answer = lambda request: serve(request, BODY)
    rest = sliced.get({"Range": f"bytes={70_000 + len(partial)}-"})
    assert partial + rest.body == BODY[70_000:]


@pytest.mark.parametrize("torn", [FIRST, LAST])
def test_a_torn_first_or_last_slice_is_no_whole_file(sliced: Sliced, torn: str) -> None:
    sliced.origin.answer = lambda request: (
        cut(request, 999) if request.header("Range") in (torn, None) else serve(request, BODY)
    )
    _, line = broken(sliced)
    assert line["why"] == "origin_cut"
