"""`xaccel config` for an NGINX without njs: refused if an origin may be somebody else's server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tools.cli.conftest import Config
from xaccel.site.read_mapping import site_of
from xaccel.tools.nginx.digest import digest

OWN = """
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
transfer_log = "/var/log/xaccel/transfers.log"
origins.media = { type = "local", root = "/srv/media" }
origins.bucket = { type = "s3", bucket = "acme", endpoint_url = "http://192.0.2.1:9000", region = "r" }
"""
SERVERS = """
origins.partner = { type = "http", base_url = "http://192.0.2.2/" }
origins.other = { type = "http", base_url = "http://192.0.2.3/" }
"""


@pytest.mark.parametrize("more", [[], ["--module", "headers-more"], ["--module", "njs", "--without", "njs"]])
def test_each_server_is_named_with_the_line_to_add(more: list[str], tmp_path: Path, config: Config) -> None:
    folder = str(tmp_path / "out")
    status, _, said = config(OWN + SERVERS, *more, "--write", folder)
    assert status == 1
    assert "2 problem(s) in the configuration" in said
    for name in ("partner", "other"):
        assert f'ORIGINS["{name}"]: this NGINX has no njs' in said
    assert "allow_without_njs = true" in said
    assert not Path(folder).exists()
    assert config(OWN + SERVERS, *more, "--check", str(tmp_path))[0] == 2


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (OWN, []),
        (OWN + SERVERS, ["--module", "njs"]),
        (OWN + SERVERS, ["--standalone"]),
        (f"allow_without_njs = true\n{OWN}{SERVERS}", []),
    ],
    ids=["buckets and directories", "njs", "development", "the setting"],
)
def test_a_site_is_generated(text: str, arguments: list[str], config: Config) -> None:
    assert config(text, *arguments)[0] == 0


def test_settings_that_nginx_does_not_depend_on_are_not_in_the_digest(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(OWN + SERVERS)
    site = site_of(tmp_path / "site.toml")
    assert digest(replace(site, allow_without_njs=True)) == digest(site)
    assert digest(replace(site, log_decisions=True)) == digest(site)
    bucket = replace(site.origins["bucket"], storage_results="/etc/xaccel/bucket.json")
    assert digest(replace(site, origins={**site.origins, "bucket": bucket})) == digest(site)
