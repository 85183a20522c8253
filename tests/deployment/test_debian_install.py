"""deploy/debian/install refuses, before it changes anything, arguments that would become a part of a configuration."""

from __future__ import annotations

import subprocess

import pytest

from tests.runs import ROOT


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
