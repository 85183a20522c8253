"""Objects stored with Content-Encoding keep it, counted in encoded bytes, whatever filters the operator has on."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import on_all_builds
from tests.live.conftest import Live, build_of
from tests.live.objects import serve
from tests.live.stage import Stage, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.tools.nginx import Directive, Parts
from xaccel_testing import Variant

pytestmark = on_all_builds

PLAIN = b"a,b,c\n" * 4000
CODED = gzip.compress(PLAIN, mtime=0)
TAG = '"coded"'


def check(get, body: bytes = CODED) -> None:  # type: ignore[no-untyped-def]
    """Whole, HEAD, parts and conditions, for a client that takes the coding and one that does not."""
    size = len(body)
    for accepts in ({}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}):
        whole = get(headers=accepts)
        assert (whole.status, whole.body, whole.all("Content-Encoding")) == (200, body, ["gzip"])
        assert whole.one("Content-Length") == str(size)
        head = get(method="HEAD", headers=accepts)
        shown = (head.one("Content-Length"), head.one("Content-Encoding"))
        assert (head.status, shown) == (200, (str(size), "gzip"))
        tag = whole.one("ETag") or ""
        assert tag.startswith('"')
        for guard in ({}, {"If-Range": tag}):
            part = get(headers={**accepts, **guard, "Range": "bytes=10-"})
            assert (part.status, part.body) == (206, body[10:])
            assert part.one("Content-Range") == f"bytes 10-{size - 1}/{size}"
            assert part.one("Content-Encoding") == "gzip"
        assert get(headers={**accepts, "Range": "bytes=-5"}).body == body[-5:]
        other = get(headers={**accepts, "Range": "bytes=10-", "If-Range": '"other"'})
        assert (other.status, other.body, other.one("Content-Encoding")) == (200, body, "gzip")
        assert get(headers={**accepts, "If-None-Match": tag}).status == 304


def stored(live: Live, body: bytes) -> None:
    live.places.s3.client().put_object(
        Bucket=live.places.bucket, Key="t.gz", Body=body, ContentEncoding="gzip", ContentType="text/csv"
    )


def test_a_stored_encoding_is_sent(live: Live) -> None:
    stored(live, CODED)
    check(lambda **more: live.get("documents", "t.gz", **more))
    _, line = live.logged("documents", "t.gz", options={"size": len(CODED)})
    assert (line["encoding"], line["body_bytes"], line["why"]) == ("gzip", len(CODED), "")
    _, line = live.logged("documents", "t.gz", options={"size": len(PLAIN)})
    assert line["why"] == "size_differs"


@pytest.mark.parametrize("times", [1, 20], ids=["small", "large"])
def test_a_cache_hit_has_the_encoding_and_counts_encoded_bytes(live: Live, times: int) -> None:
    """The large one is kept in slices of 1 KB, where there are slices."""
    body = CODED * times
    stored(live, body)
    options = {"cache_version": secrets.token_hex(8), "size": len(body)}
    for kept in ("MISS", "HIT"):
        _, line = live.logged("cached", "t.gz", options=options)
        assert (line["cache"], line["encoding"], line["why"]) == (kept, "gzip", "")
        assert (line["body_bytes"], line["sent_length"]) == (len(body), str(len(body)))
    check(lambda **more: live.get("cached", "t.gz", options=options, **more), body)


def coded(request: Request) -> Answer:
    if request.header("If-None-Match") == TAG:
        return Answer(status=304, headers=[("ETag", TAG)])
    headers = [("Content-Encoding", "gzip"), ("Content-Type", "text/csv")]
    return serve(request, CODED, etag=TAG, headers=headers)


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with origin_server(coded) as running:
        yield running


@pytest.fixture
def filtered(variant: Variant, origin: Origin, tmp_path: Path) -> Iterator[Stage]:
    """An operator who compresses everything, and expands what a client does not take, where his NGINX can."""

    def filters(parts: Parts) -> Parts:
        own = [("gzip", "on"), ("gzip_types", "*"), ("gzip_min_length", "1"), ("gzip_proxied", "any")]
        if "gunzip" in build_of(variant).modules:
            own.append(("gunzip", "on"))
        return replace(parts, engine=(*(Directive(name, (value,)) for name, value in own), *parts.engine))

    with stage(tmp_path, variant, {"files": {"base_url": f"{origin.url}/"}}, change=filters) as running:
        yield running


def test_an_operators_gzip_and_gunzip_do_not_change_it(filtered: Stage) -> None:
    assert "gzip on;" in (filtered.nginx.directory / "nginx.conf").read_text()
    check(lambda **more: filtered.get("files", "x", **more))
    _, line = filtered.logged("files", "x", options={"size": len(CODED)})
    assert (line["encoding"], line["body_bytes"], line["why"]) == ("gzip", len(CODED), "")
