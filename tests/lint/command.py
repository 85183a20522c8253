"""The command `xaccel lint` in this process, and the object that it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xaccel.tools.cli import main

RECIPE = "location /private/ { internal; proxy_pass https://store.example/; }\n"


def lint(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["lint", *map(str, arguments)])
    return int(str(ended.value.code))


def report(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    status = lint("--json", *arguments)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["exit_status"] == status
    return found
