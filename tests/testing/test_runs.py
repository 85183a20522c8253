"""`scripts/test`: processes side by side, in pytest runs of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runs import LOG, ROOT, Group, run

pytestmark = pytest.mark.usefixtures("without_plugins")
PASSES = """
import tempfile

def test_it(tmp_path):
    print("folders", tmp_path, tempfile.gettempdir())
"""
FAILS = f"{PASSES}    assert 1 == 2\n"
SKIPS = """
import pytest

@pytest.mark.skip(reason="no such server here")
def test_it():
    pass
"""
FOLDERS = re.compile(r"folders (\S+) (\S+)")
ALONE = ("-p", "no:django", "-p", "no:randomly")


def groups(folder: Path, **texts: str) -> list[Group]:
    found = []
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "test_it.py").write_text(text)
        found.append(Group(f"probe-{name}", (*ALONE, str(folder / name))))
    return found


def test_groups_run_in_parallel_and_failures_and_skips_are_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status = run(groups(tmp_path, passes=PASSES, fails=FAILS, skips=SKIPS), ["-ra"])
    said = capfd.readouterr().out
    assert status == 1
    assert "assert 1 == 2" in said
    assert "no such server here" in said
    assert said.count("passes/test_it.py") == 0
    assert said.splitlines()[-1].startswith("1 failed, 1 passed, 1 skipped in ")
    assert (LOG / "test.txt").read_text().splitlines()[-1] == said.splitlines()[-1]


def test_each_group_has_a_temporary_folder_that_remains_if_a_test_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run(groups(tmp_path, passes=PASSES, fails=FAILS), ["-rP"])
    found = {}
    for name in ("passes", "fails"):
        tmp, temporary = FOLDERS.search((LOG / f"test-probe-{name}.txt").read_text()).groups()  # type: ignore[union-attr]
        found[name] = Path(temporary)
        assert Path(temporary) in Path(tmp).parents
        # a socket's path has at most 107 bytes: not longer than in pytest's own folder
        assert len(tmp) - len(str(tmp_path)) <= len("/pytest-of-root/pytest-12/test_it0")
    assert {path.parent for path in found.values()} == {tmp_path}
    assert {name: path.exists() for name, path in found.items()} == {"passes": False, "fails": True}


WAITING = """
import pathlib, time

def test_it():
    try:
        pathlib.Path({mark!r}).touch()
        time.sleep(60)
    finally:
        pathlib.Path({mark!r}).unlink()
"""


@pytest.mark.parametrize("names", [("one",), ("one", "two")], ids=["in-the-terminal", "side-by-side"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_ends_its_groups(tmp_path: Path, number: int, names: tuple[str, ...]) -> None:
    marks = [tmp_path / f"{name}.mark" for name in names]
    texts = [WAITING.format(mark=str(mark)) for mark in marks]
    made = groups(tmp_path, **dict(zip(names, texts, strict=True)))
    program = f"import sys; from tests.runs import *; sys.exit(run({made!r}, []))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 30
        while not all(mark.exists() for mark in marks):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.send_signal(number)
        assert child.wait(timeout=30) == 2
    assert [mark for mark in marks if mark.exists()] == []
