"""`xaccel config` for a site of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xaccel.tools import cli

Config = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Config:
    """Writes site.toml and runs the command for NGINX 1.26.3; returns its status, output and errors."""

    def run(text: str, *arguments: str) -> tuple[int, str, str]:
        (tmp_path / "site.toml").write_text(text)
        capsys.readouterr()
        try:
            status = cli.main(
                ["config", str(tmp_path / "site.toml"), "--nginx-version", "1.26.3", *arguments]
            )
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *capsys.readouterr()

    return run
