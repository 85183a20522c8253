"""The regular expressions of maps, which NGINX tries one by one, do not grow with the origins."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.live.config.golden import BUILDS
from xaccel import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site import Site
from xaccel.tools.nginx import render
from xaccel.tools.nginx.emit import Raw, directive, emit

STORAGE: dict[str, Any] = {"endpoint_url": "http://127.0.0.1:9000", "region": "x"}


def printed(count: int, build: str) -> tuple[int, int, int]:
    """Rows of all maps, fetch locations, and pools of connections to the storage that all buckets share."""
    origins: dict[str, Any] = {}
    for number in range(count):
        origins[f"web-{number}"] = HTTPOrigin(
            base_url=f"http://h{number}.test/", connect_to=("127.0.0.1:1",), redirect_hosts=("127.0.0.1:2",)
        )
        origins[f"s3-{number}"] = S3Origin(bucket=f"bucket-{number}", **STORAGE)
        origins[f"tenants-{number}"] = S3Origin(bucket=f"tenant{number}-*", **STORAGE)
        origins[f"media-{number}"] = LocalOrigin(root=f"/srv/{number}")
    parts = render(Site(origins=origins, secrets=("s" * 32,)), BUILDS[build])
    rows = sum(len(item.block or ()) for item in parts.http if item.name == "map")
    fetches = len(re.findall(r"location @\w*fetch", emit(parts.server)))
    pools = sum(item.name == "upstream" and "s3" in str(item.args[0]) for item in parts.http)
    return rows, fetches, pools


@pytest.mark.parametrize("build", ["deb-njs", "wheel"])
def test_no_map_and_no_fetch_location_grows_with_the_origins(build: str) -> None:
    assert printed(3, build) == printed(300, build)
    assert printed(3, build)[1:] == (1, 1)


def test_a_value_is_quoted_even_if_the_same_text_was_raw_before() -> None:
    for _ in range(2):
        assert emit([directive("root", Raw("a b"))]) == "root a b;\n"
        assert emit([directive("root", "a b")]) == 'root "a b";\n'
