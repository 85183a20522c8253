"""If-Unmodified-Since on an object without a date is ignored, as RFC 9110 section 13.1.4 says."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.live.objects import serve
from tests.live.stage import Stage, stage
from tests.servers.origin import origin_server
from xaccel_testing import Variant

BODY = b"0123456789" * 300
LONG_AGO = "Fri, 01 Jan 2010 00:00:00 GMT"


@pytest.fixture(scope="module")
def site(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("unmodified")

    with origin_server(lambda request: serve(request, BODY)) as origin:
        origins = {
            "store": {"base_url": f"{origin.url}/"},
            "cached": {"base_url": f"{origin.url}/", "cache": True},
        }
        cache = {"path": "cache", "slice": "1k"}
        with stage(folder / "nginx", variant, origins, cache=cache) as running:
            yield running


@pytest.mark.parametrize("options", [{}, {"etag": "mine"}, {"size": len(BODY)}], ids=["", "owned", "sized"])
@pytest.mark.parametrize("origin", ["store", "cached"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_is_ignored(site: Stage, origin: str, options: dict[str, Any], method: str) -> None:
    options = {**options, "cache_version": str(uuid4())}
    for headers in ({}, {"If-Unmodified-Since": LONG_AGO}):
        for _ in range(2):
            reply = site.get(origin, method=method, headers=headers, options=options)
            assert (reply.status, reply.one("Last-Modified")) == (200, None)
            assert reply.body == (BODY if method == "GET" else b"")
