"""A warning for an NGINX whose version number has a known fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from xaccel import cli
from xaccel.nginx import Nginx
from xaccel.nginx.advisories import ADVISORIES, warnings


def test_each_fault_is_told_before_its_version_and_not_from_it_on() -> None:
    for advisory in ADVISORIES:
        major, minor, patch = advisory.mended
        before = (major, minor, patch - 1) if patch else (major, minor - 1, 99)
        assert any(advisory.name in line for line in warnings(Nginx(version=before)))
        assert not any(advisory.name in line for line in warnings(Nginx(version=advisory.mended)))


@pytest.mark.parametrize(("version", "warned"), [("1.26.3", True), ("1.31.3", False)])
def test_the_command_warns_and_prints_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, warned: bool
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        'secret = "0123456789abcdef0123456789abcdef"\n[origins.media]\nbackend = "xaccel.LocalOrigin"\n'
        'options = { root = "/srv" }\n'
    )
    assert cli.main(["config", str(site), "--nginx-version", version]) == 0
    printed = capsys.readouterr()
    assert "location" in printed.out
    assert ("warning: CVE-" in printed.err) == warned
