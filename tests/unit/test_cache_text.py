"""What the printed text tells an operator of the cache is true of the NGINX that it is for."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.live.golden import BUILDS, CACHED
from xaccel.nginx import emit, render
from xaccel.site import Cache, Site

pytestmark = pytest.mark.nginx


def comments(build: str, **cache: str) -> str:
    """All comments of a site with a cache, without their line breaks."""
    site = Site(origins={"store": replace(CACHED, servers=("127.0.0.1:1",))}, secrets=("s" * 32,))
    parts = render(replace(site, cache=Cache(path="c", **cache)), BUILDS[build])
    lines = re.findall(r"^ *# (.*)$|^()", emit((*parts.http, *parts.server)), re.MULTILINE)
    return " ".join(line for line, _ in lines)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("slice_size", ["4m", "0"])
def test_slices_are_spoken_of_where_there_are_any(build: str, slice_size: str) -> None:
    text, sliced = comments(build, slice=slice_size), BUILDS[build].slice and slice_size != "0"
    assert ("a slice that was asked for" in text) is sliced
    assert ("there are no slices" in text) is not sliced


@pytest.mark.parametrize(("min_free", "said"), [("1g", True), ("", False)])
def test_what_bounds_the_cache_is_said(min_free: str, said: bool) -> None:
    text = comments("deb", min_free=min_free)
    assert "keys_zone bounds how many objects and slices are kept, about 7,000 to the MB" in text
    assert "max_size what they take of the disk" in text
    assert ("min_free what must stay free there" in text) is said
    assert "`xaccel purge` removes what must go now" in text
