"""The generated cache configuration fits the NGINX, and the command warns if it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.live.config.golden import BUILDS, CACHED
from tests.unit.tools.cli.conftest import Config
from xaccel.site import Cache, Site
from xaccel.tools.nginx import emit, render


def locations(build: str, **cache: str) -> str:
    """The locations of a site with a cache."""
    site = Site(origins={"store": replace(CACHED, connect_to=("127.0.0.1:1",))}, secrets=("s" * 32,))
    return emit(render(replace(site, cache=Cache(path="c", **cache)), BUILDS[build]).server)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("slice_size", ["4m", "0"])
def test_there_are_slices_where_nginx_and_the_site_have_them(build: str, slice_size: str) -> None:
    text, sliced = locations(build, slice=slice_size), "slice" in BUILDS[build].modules and slice_size != "0"
    assert ("location @xaccel_fetch_slices {" in text) is sliced
    assert ("location @xaccel_cut {" in text) is sliced


S3 = 'type = "s3"\nbucket = "files"\nregion = "eu-central-1"\ncache = {}'
HTTP = 'type = "http"\nbase_url = "http://127.0.0.1:1/"\ncache = {}'


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
def test_the_command_warns_of_an_nginx_without_slices(
    config: Config, origin: str, slice_size: str, module: list[str], *, warned: bool
) -> None:
    text = (
        'secret = "0123456789-abcdefghijklmnopqrstuvwxyz"\nallow_without_njs = true\n'
        f'cache = {{ path = "c", slice = "{slice_size}" }}\n[origins.store]\n{origin}\n'
    )
    status, _, said = config(text, *module)
    assert status == 0
    assert ('warning: this NGINX lacks the module `slice`: set "slice": "0"' in said) is warned
