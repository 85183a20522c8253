"""What the printed text tells an operator of the cache is true of the NGINX that it is for."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.golden import BUILDS, CACHED
from xaccel import cli
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


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("slice_size", ["4m", "0"])
def test_without_the_module_it_is_said_what_keeps_signatures_short(build: str, slice_size: str) -> None:
    text, lacking = comments(build, slice=slice_size), not BUILDS[build].slice
    assert ('this NGINX lacks the module `slice`: set "slice": "0"' in text) is (
        lacking and slice_size != "0"
    )
    assert ('the site says "slice": "0"' in text) is (slice_size == "0")


S3 = 'backend = "xaccel.S3Origin"\noptions = {{ bucket = "files", region = "eu-central-1", cache = {} }}'
HTTP = 'backend = "xaccel.HTTPOrigin"\noptions = {{ base_url = "http://127.0.0.1:1/", cache = {} }}'


@pytest.mark.parametrize(
    ("origin", "slice_size", "module", "warned"),
    [
        (S3.format("true"), "4m", [], True),
        (S3.format("true"), "4m", ["--module", "slice"], False),
        (S3.format("true"), "0", [], False),
        (S3.format("false"), "4m", [], False),
        (HTTP.format("true"), "4m", [], False),
    ],
    ids=["no module", "module", "switched off", "nothing kept", "nothing signed"],
)
def test_the_command_warns_of_signatures_for_slices_that_do_not_come(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    origin: str,
    slice_size: str,
    module: list[str],
    warned: bool,
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        'secret = "0123456789-abcdefghijklmnopqrstuvwxyz"\n'
        f'cache = {{ path = "c", slice = "{slice_size}" }}\n[origins.store]\n{origin}\n'
    )
    assert cli.main(["config", str(site), "--nginx-version", "1.31.3", *module]) == 0
    assert (
        'warning: this NGINX lacks the module `slice`: set "slice": "0"' in capsys.readouterr().err
    ) is warned


@pytest.mark.parametrize(("min_free", "said"), [("1g", True), ("", False)])
def test_what_bounds_the_cache_is_said(min_free: str, said: bool) -> None:
    text = comments("deb", min_free=min_free)
    assert "keys_zone bounds how many objects and slices are kept, about 7,000 to the MB" in text
    assert "max_size what they take of the disk" in text
    assert ("min_free what must stay free there" in text) is said
    assert "`xaccel purge` removes what must go now" in text
