"""deploy/debian/install refuses arguments that would become a part of a configuration, and installs each unit."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.groups import ROOT


@pytest.mark.parametrize(
    ("host", "module"),
    [
        ("a;include /x", "project.wsgi"),
        ("a/b", "project.wsgi"),
        ("app.example", "a/e;w /x"),
        ("app.example", "a b"),
    ],
)
def test_a_name_with_other_characters_is_refused(host: str, module: str) -> None:
    command = ["/bin/sh", str(ROOT / "deploy/debian/install"), host, module]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert "Write it like" in done.stderr


def test_each_unit_is_installed_and_each_timer_enabled() -> None:
    """Except for those of several machines, which docs/operate/several.md copies."""
    script = (ROOT / "deploy/debian/install").read_text(encoding="utf-8")
    units = {file.name for file in (ROOT / "deploy/systemd").iterdir() if file.is_file()}
    timers = {name for name in units if name.endswith(".timer")}
    assert {name.replace(".timer", ".service") for name in timers} < units
    [copied] = re.findall(r"for unit in (.+); do", script)
    assert {*copied.split(), "app.service"} == units - {"xaccel-ship.service", "xaccel-collect.service"}
    assert all(f'services="$services {timer}"' in script for timer in timers)
