"""A response is the same from a storage, from the cache however it was filled, and from a directory: one table."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live.conftest import Live

BODY = bytes(range(250)) * 12
"""Of 3,000 bytes: two slices of 1 KB and one shorter."""
KEY = "ways.bin"
SHORT, NEVER = "Fri, 01 Jan 2010 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"

WAYS = (
    "uncached",
    "cold whole",
    "hit whole",
    "cold slices",
    "hit first slice",
    "hit last slice",
    "hit slices",
    "directory",
)
"""What is kept when the request of a row comes; the last one is a file of a directory."""


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    places.s3.put(places.bucket, KEY, BODY, "application/octet-stream")
    (places.media / KEY).write_bytes(BODY)


@pytest.fixture(scope="module")
def validators(live: Live) -> dict[str, dict[str, str]]:
    """Those of the storage, as NGINX passes them on, and those of the file."""
    heads = {name: live.get(name, KEY, method="HEAD") for name in ("documents", "media")}
    return {
        name: {"tag": head.one("ETag") or "", "date": head.one("Last-Modified") or ""}
        for name, head in heads.items()
    }


@dataclass(frozen=True)
class Row:
    """One request. `{tag}`, `{date}` stand for the storage's validators, `{mine}` for the app's own.

    part: what of the body a 206 has; a 200 has all of it.
    """

    name: str
    headers: dict[str, str]
    status: int
    part: tuple[int, int] | None = None
    method: str = "GET"


ROWS = [
    Row("whole", {}, 200),
    Row("HEAD", {}, 200, method="HEAD"),
    Row("first byte", {"Range": "bytes=0-0"}, 206, (0, 1)),
    Row("last byte of a slice and first of the next", {"Range": "bytes=1023-1024"}, 206, (1023, 1025)),
    Row("a whole slice", {"Range": "bytes=1024-2047"}, 206, (1024, 2048)),
    Row("over all slices", {"Range": "bytes=1-2998"}, 206, (1, 2999)),
    Row("everything as a range", {"Range": "bytes=0-"}, 206, (0, 3000)),
    Row("open-ended", {"Range": "bytes=2500-"}, 206, (2500, 3000)),
    Row("behind the end", {"Range": "bytes=2990-99999"}, 206, (2990, 3000)),
    Row("suffix", {"Range": "bytes=-1"}, 206, (2999, 3000)),
    Row("suffix over two slices", {"Range": "bytes=-1000"}, 206, (2000, 3000)),
    Row("suffix of everything and more", {"Range": "bytes=-9999"}, 206, (0, 3000)),
    Row("not there", {"Range": "bytes=3000-"}, 416),
    Row("a slice further", {"Range": "bytes=9000-9001"}, 416),
    Row("an empty suffix", {"Range": "bytes=-0"}, 416),
    Row("several", {"Range": "bytes=0-1,2000-2001"}, 200),
    Row("several, not from the start", {"Range": "bytes=2000-2001,0-1"}, 200),
    Row("another unit", {"Range": "lines=1-2"}, 200),
    Row("If-None-Match", {"If-None-Match": "{tag}"}, 304),
    Row("If-None-Match, a list", {"If-None-Match": '"x", {tag}'}, 304),
    Row("If-None-Match, any", {"If-None-Match": "*"}, 304),
    Row("If-None-Match, another", {"If-None-Match": '"x"'}, 200),
    Row("If-None-Match and a range", {"If-None-Match": "{tag}", "Range": "bytes=5-9"}, 304),
    Row("If-None-Match on HEAD", {"If-None-Match": "{tag}"}, 304, method="HEAD"),
    Row("If-Modified-Since", {"If-Modified-Since": "{date}"}, 304),
    Row("If-Modified-Since, earlier", {"If-Modified-Since": SHORT}, 200),
    Row("If-Match", {"If-Match": "{tag}"}, 200),
    Row("If-Match, another", {"If-Match": '"x"'}, 412),
    Row("If-Match and a range", {"If-Match": "{tag}", "Range": "bytes=1500-"}, 206, (1500, 3000)),
    Row("If-Match, another, and a range", {"If-Match": '"x"', "Range": "bytes=1500-"}, 412),
    Row("If-Unmodified-Since", {"If-Unmodified-Since": NEVER}, 200),
    Row("If-Unmodified-Since, earlier", {"If-Unmodified-Since": SHORT}, 412),
    Row("If-Range, the tag", {"If-Range": "{tag}", "Range": "bytes=1500-"}, 206, (1500, 3000)),
    Row("If-Range, another tag", {"If-Range": '"x"', "Range": "bytes=1500-"}, 200),
    Row("If-Range, the date", {"If-Range": "{date}", "Range": "bytes=1500-1501"}, 206, (1500, 1502)),
    Row("If-Range, another date", {"If-Range": SHORT, "Range": "bytes=1500-"}, 200),
    Row("If-Range, the tag, not there", {"If-Range": "{tag}", "Range": "bytes=3000-"}, 416),
    Row("If-Range, the date, not there", {"If-Range": "{date}", "Range": "bytes=3000-"}, 416),
    Row("If-Range and an empty suffix", {"If-Range": "{tag}", "Range": "bytes=-0"}, 416),
    Row("If-Range and a suffix", {"If-Range": "{tag}", "Range": "bytes=-7"}, 206, (2993, 3000)),
]


def warmed(live: Live, way: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """Bring the cache to where `way` says; returns the origin and the options of the request to come."""
    if way in ("uncached", "directory"):
        return "documents" if way == "uncached" else "media", more
    options = {"cache_version": f"{way} {secrets.token_hex(8)}", **more}
    if "slice" in way:
        options["size"] = len(BODY)
    warm = {"hit first slice": "bytes=0-1", "hit last slice": "bytes=2048-"}.get(way)
    if way.startswith("hit"):
        headers = {"Range": warm} if warm else {}
        _, entry = live.logged("cached", KEY, options=options, headers=headers)
        assert entry["status"] in ("200", "206")
    return "cached", options


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_way_gives_the_same_response(
    live: Live, validators: dict[str, dict[str, str]], row: Row, way: str
) -> None:
    origin, options = warmed(live, way)
    known = validators["media" if way == "directory" else "documents"]
    headers = {name: value.format(**known) for name, value in row.headers.items()}
    reply, line = live.logged(origin, KEY, method=row.method, headers=headers, options=options)
    assert (reply.status, line["status"]) == (row.status, str(row.status))
    if way == "hit whole":
        # NGINX would answer 412 if the object had no date (tests/maps/tables/9-cache.toml)
        assert line["cache"] == ("" if "If-Unmodified-Since" in row.headers else "HIT")
    if way in ("uncached", "directory"):
        assert line["cache"] == ""
    if row.status in (200, 206):
        first, last = row.part or (0, len(BODY))
        assert reply.body == (b"" if row.method == "HEAD" else BODY[first:last])
        assert reply.one("Content-Length") == str(last - first)
        assert reply.one("Content-Range") == (f"bytes {first}-{last - 1}/3000" if row.part else None)
        assert (reply.one("ETag"), reply.one("Last-Modified")) == (known["tag"], known["date"])
        assert (line["body_bytes"], line["completion"], line["why"]) == (len(reply.body), "OK", "")
    if row.status == 304:
        assert (reply.body, reply.one("ETag"), line["why"]) == (b"", known["tag"], "")
    if row.status == 416:
        assert reply.one("Content-Range") == "bytes */3000"
        assert line["why"] in ("", "origin_416")
