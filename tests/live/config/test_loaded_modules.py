"""A module that is installed and not loaded: `config` says so, and generates what NGINX accepts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.live.commands import config, write_nginx
from tests.pages import ROOT, text
from xaccel.tools.nginx import probe
from xaccel_testing import Variant, free_port

INCLUDES = "include xaccel/http.conf; server {{ listen 127.0.0.1:{port}; include xaccel/site/server.conf; }}"


def accepts(variant: Variant, options: list[str]) -> bool:
    return subprocess.run([variant.binary, *options, "-t"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("loads", [True, False])
def test_what_nginx_loads_decides_and_not_what_lies_on_the_disk(
    variant: Variant, tmp_path: Path, capsys: pytest.CaptureFixture[str], loads: bool
) -> None:
    modules = probe(variant.binary).load_modules
    options = write_nginx(tmp_path, modules if loads else (), "")
    config(variant, tmp_path, options)
    said = capsys.readouterr().err
    missing = () if loads else modules
    assert said.count("is installed, but this NGINX does not load it") == len(missing)
    assert all(f"load_module {path};" in said for path in missing)
    options = write_nginx(tmp_path, modules if loads else (), INCLUDES.format(port=free_port()))
    assert accepts(variant, options)


def test_what_was_generated_for_a_module_that_is_not_loaded_is_mended(
    variant: Variant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The includes are there already, and NGINX refuses them: `unknown directive "js_import"`."""
    modules = probe(variant.binary).load_modules
    remote = 'allow_without_njs = true\norigins.partner.type = "http"\norigins.partner.base_url = "http://127.0.0.1:9/"\n'
    options = write_nginx(tmp_path, modules, "")
    config(variant, tmp_path, options, remote)
    options = write_nginx(tmp_path, (), INCLUDES.format(port=free_port()))
    config(variant, tmp_path, options, remote)
    assert accepts(variant, options)
    assert ("does not load it" in capsys.readouterr().err) == bool(modules)


def test_a_configuration_that_nginx_refuses_leaves_it_open(
    variant: Variant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    modules = probe(variant.binary).load_modules
    config(variant, tmp_path, write_nginx(tmp_path, (), "nonsense;"))
    said = capsys.readouterr().err
    assert ("if it does not, add --without njs" in said) == bool(modules)
    assert all(path in said for path in modules)


def test_the_upgrade_page_names_the_versions_of_these_tests(variant: Variant) -> None:
    [row] = re.findall(
        r"^\| NGINX \| (\S+) of Debian 13 and (\S+), each with and without njs \|$",
        text(ROOT / "docs/operate/upgrade.md"),
        re.MULTILINE,
    )
    named = dict(zip(("deb", "wheel"), row, strict=True))
    said = subprocess.run([variant.binary, "-v"], check=True, capture_output=True, text=True).stderr
    assert re.findall(r"nginx/([0-9.]+)", said) == [named[variant.name.partition("-")[0]]]
