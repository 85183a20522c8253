"""Parts of a file: resume, seek, and who compares validators."""

from __future__ import annotations

import http.client

import pytest

from tests.conftest import on_all_builds
from tests.live.conftest import Live, build_of
from tests.servers.origin import Answer

BODY = bytes(range(256)) * 8
MINE = "v7"
DATE = "2026-01-02T03:04:05+00:00"
HTTP_DATE = "Fri, 02 Jan 2026 03:04:05 GMT"
ORIGINS = ("documents", "cached", "sliced", "media")
"""sliced: the cached one, by hand-offs that tell the size. BODY is two slices long."""


@pytest.fixture(scope="session", autouse=True)
def _stored(places) -> None:  # type: ignore[no-untyped-def]
    places.s3.put(places.bucket, "ranges.bin", BODY, "application/octet-stream")
    (places.media / "ranges.bin").write_bytes(BODY)


def get(live: Live, origin: str, headers: dict[str, str], **options: str):  # type: ignore[no-untyped-def]
    more = {"size": len(BODY)} if origin == "sliced" else {}
    name = "cached" if origin == "sliced" else origin
    return live.get(name, "ranges.bin", headers=headers, options={"cache_version": origin, **more, **options})


@on_all_builds
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_range_behind_the_end_is_416_with_the_length(live: Live, origin: str) -> None:
    get(live, origin, {})
    reply = get(live, origin, {"Range": "bytes=5000-"}, filename="secret-name.bin")
    assert (reply.status, reply.one("Content-Range")) == (416, "bytes */2048")
    assert reply.body == b"The file has no such range.\n"
    # Where NGINX itself finds the range missing, after the file's headers were set, stock NGINX cannot take them
    # back: known, in SECURITY.md. With njs, and on what the origin refuses, the page is plain.
    plain = reply.all("Content-Disposition") == []
    # Of slices the one that is asked for is not kept: the origin refuses it.
    at_the_origin = ("documents", "sliced") if "slice" in build_of(live.variant).modules else ("documents",)
    assert plain == (live.variant.njs or origin in at_the_origin)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    ("options", "if_range", "status"),
    [
        ({"etag": MINE}, f'"{MINE}"', 206),
        ({"etag": MINE}, '"v6"', 200),
        ({"etag": MINE}, f'W/"{MINE}"', 200),
        ({"etag": f'W/"{MINE}"'}, f'W/"{MINE}"', 200),
        ({"last_modified": DATE}, HTTP_DATE, 206),
        ({"last_modified": DATE}, "Fri, 02 Jan 2026 03:04:06 GMT", 200),
        ({"etag": MINE, "last_modified": DATE}, HTTP_DATE, 206),
    ],
)
def test_if_range_is_compared_with_the_apps_own_validator(
    live: Live, origin: str, options: dict[str, str], if_range: str, status: int
) -> None:
    reply = get(live, origin, {"Range": "bytes=5-9", "If-Range": if_range}, **options)
    if origin == "media" and if_range.startswith("W/") and options["etag"] == if_range:
        # A client must not send a weak tag here (RFC 9110 section 13.1.5); for a directory NGINX takes it as it is.
        status = 206
    assert (reply.status, reply.body) == (status, BODY[5:10] if status == 206 else BODY)


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_apps_validators_are_shown_alone(live: Live, origin: str) -> None:
    tagged = get(live, origin, {}, etag=MINE)
    dated = get(live, origin, {}, last_modified=DATE)
    assert (tagged.one("ETag"), tagged.one("Last-Modified")) == (f'"{MINE}"', None)
    assert (dated.one("ETag"), dated.one("Last-Modified")) == (None, HTTP_DATE)


@pytest.mark.parametrize(
    "condition", [{"If-Match": f'"{MINE}"'}, {"If-Unmodified-Since": "Fri, 01 Jan 2010 00:00:00 GMT"}]
)
def test_nginx_compares_conditions_with_the_files_own_validators(
    live: Live, condition: dict[str, str]
) -> None:
    """It cannot be told not to: a 412, not wrong bytes. Of an origin, the app alone answers (tests/adapters)."""
    for origin, status in {"documents": 200, "media": 412}.items():
        assert get(live, origin, condition, etag=MINE).status == status


def test_words_in_a_content_range_reach_nobody(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(
        status=416, headers=[("Content-Range", "bytes */secret-bucket")]
    )
    reply = live.get("partner", "x", headers={"Range": "bytes=0-1"})
    assert (reply.status, reply.one("Content-Range")) == (416, None)


@on_all_builds
@pytest.mark.parametrize(
    ("headers", "options"),
    [
        ({}, {}),
        ({"Range": "bytes=0-1,5-6"}, {}),
        ({"Range": "bytes=0-3", "If-Range": '"v6"'}, {"etag": MINE}),
    ],
    ids=["no range", "two ranges", "a range of an older version"],
)
def test_an_unrequested_part_is_cut_with_njs(
    live: Live, headers: dict[str, str], options: dict[str, str]
) -> None:
    live.places.origin.answer = lambda _: Answer(
        status=206, headers=[("Content-Range", "bytes 0-3/100")], body=b"part"
    )

    def fetched() -> None:
        if live.variant.njs:
            with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
                live.get("partner", "x", headers=headers, options=options)
        else:
            assert live.get("partner", "x", headers=headers, options=options).status == 206

    (line,) = live.new_lines(fetched)
    assert (line["status"], line["why"]) == ("206", "unasked_part")
    assert line["completion"] == ("" if live.variant.njs else "OK")
