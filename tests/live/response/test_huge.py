"""An object of 5 TB, the most that S3 keeps: an origin that makes each byte from its offset."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.cached_files import cached_files
from tests.live.client import Reply, begun, send_target
from tests.live.conftest import Live, build_of
from tests.live.objects import ranges
from tests.servers.origin import Answer, Request

SIZE = 5 * 2**40
BLOCK = 65536


def content(start: int, stop: int) -> bytes:
    """Eight bytes spell their own offset, so that no two places look alike."""
    first = start - start % 8
    text = b"".join(at.to_bytes(8, "big") for at in range(first, stop, 8))
    return text[start - first : stop - first]


def blocks(start: int, stop: int) -> Iterator[bytes]:
    for at in range(start, stop, BLOCK):
        yield content(at, min(at + BLOCK, stop))


def virtual(request: Request) -> Answer:
    shown = [("Content-Type", "application/octet-stream"), ("ETag", '"huge"'), ("Accept-Ranges", "bytes")]
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.header("Range") or "")
    if asked is None:
        return Answer(headers=[*shown, ("Content-Length", str(SIZE))], body=blocks(0, SIZE), close=True)
    first, last = asked[1], asked[2]
    start = int(first) if first else SIZE - int(last)
    stop = min(int(last) + 1, SIZE) if first and last else SIZE
    shown += [("Content-Range", f"bytes {start}-{stop - 1}/{SIZE}"), ("Content-Length", str(stop - start))]
    return Answer(status=206, headers=shown, body=blocks(start, stop))


@pytest.fixture(autouse=True)
def _huge(live: Live) -> None:
    live.places.origin.answer = virtual


def test_head_has_the_whole_length(live: Live) -> None:
    reply, line = live.logged("partner", "x", method="HEAD", options={"size": SIZE})
    assert (reply.status, reply.one("Content-Length")) == (200, "5497558138880")
    assert (line["sent_length"], line["size"], line["body_bytes"]) == ("5497558138880", "5497558138880", 0)
    assert line["why"] == ""


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        (f"bytes={2**31 - 5}-{2**31 + 4}", 2**31 - 5, 2**31 + 5),
        (f"bytes={2**32 - 5}-{2**32 + 4}", 2**32 - 5, 2**32 + 5),
        (f"bytes={SIZE - 10}-{SIZE - 1}", SIZE - 10, SIZE),
        (f"bytes={SIZE - 10}-", SIZE - 10, SIZE),
        (f"bytes={SIZE - 10}-{SIZE + 10**6}", SIZE - 10, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes={SIZE - 4_000_001}-", SIZE - 4_000_001, SIZE),
    ],
    ids=["start", "2 GiB", "4 GiB", "end", "open", "past the end", "suffix", "4 MB from the end"],
)
def test_a_part_anywhere_is_right_to_the_byte(live: Live, asked: str, start: int, stop: int) -> None:
    reply, line = live.logged("partner", "x", headers={"Range": asked}, options={"size": SIZE})
    assert reply.status == 206
    assert reply.body == content(start, stop)
    shown = f"bytes {start}-{stop - 1}/{SIZE}"
    assert reply.one("Content-Range") == shown
    assert reply.one("Content-Length") == str(stop - start)
    assert (line["body_bytes"], line["content_range"], line["range"]) == (stop - start, shown, asked)
    assert (line["size"], line["completion"], line["why"]) == (str(SIZE), "OK", "")


@pytest.mark.parametrize("origin", ["partner", "partner-cached"])
def test_the_whole_begins_at_once_and_the_entry_has_the_sent_bytes(live: Live, origin: str) -> None:
    """A client that goes away after the first megabyte; nothing of the rest waits on a disk, or is kept there."""
    cache = live.nginx.directory / "cache"
    kept = set(cached_files(cache))

    def begin() -> None:
        options = {"subject": live.mark, "size": SIZE, "cache_version": live.mark}
        path = send_target({"origin": origin, "key": "x", "options": options})
        with begun(live.nginx.port, path) as client:
            got = b""
            while len(got) < 2**20:
                block = client.recv(BLOCK)
                assert block, "the transfer ended"
                got += block
            assert set(cached_files(cache)) <= kept
        head, _, body = got.partition(b"\r\n\r\n")
        assert b"Content-Length: 5497558138880" in head
        assert body == content(0, len(body))

    (line,) = live.new_lines(begin)
    assert ranges(live.places.origin.requests) == [None]
    assert (line["status"], line["sent_length"], line["completion"]) == ("200", str(SIZE), "")
    assert isinstance(line["body_bytes"], int)
    assert 2**19 < line["body_bytes"] < 2**28


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        (f"bytes={2**32 - 5}-{2**32 + 4}", 2**32 - 5, 2**32 + 5),
        (f"bytes={SIZE - 3000}-{SIZE - 1}", SIZE - 3000, SIZE),
        ("bytes=-3000", SIZE - 3000, SIZE),
    ],
    ids=["4 GiB", "end", "suffix"],
)
def test_with_the_cache_on_a_part_is_right_to_the_byte_and_no_more_is_fetched(
    live: Live, asked: str, start: int, stop: int
) -> None:
    """HEAD first, as a player asks. In slices of 1 KB what was sent is kept; without them nothing is."""
    sliced = "slice" in build_of(live.variant).modules
    options = {"size": SIZE, "cache_version": secrets.token_hex(8)}
    shown = f"bytes {start}-{stop - 1}/{SIZE}"

    def got(**request: Any) -> tuple[Reply, dict[str, Any]]:
        reply, line = live.logged("partner-cached", "x", options=options, **request)
        assert (line["size"], line["why"], line["body_bytes"]) == (str(SIZE), "", len(reply.body))
        return reply, line

    head, line = got(method="HEAD")
    assert (head.status, head.one("Content-Length"), line["sent_length"]) == (200, str(SIZE), str(SIZE))
    for again in (False, True):
        live.places.origin.requests.clear()
        reply, line = got(headers={"Range": asked})
        assert (reply.status, reply.body, reply.one("Content-Range")) == (206, content(start, stop), shown)
        assert (line["content_range"], line["completion"]) == (shown, "OK")
        requests = ranges(live.places.origin.requests)
        assert None not in requests
        assert (requests == []) is (sliced and again)
