"""Marks of revocations are removed by one command at a time, also after one that was killed."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.features.grants.sites import site
from xaccel.features.grants.remove_marks import SWEEPING, remove_marks
from xaccel.site import Site
from xaccel_testing.servers.processes import wait_until

MARK = "0" * 64


@pytest.fixture
def made(tmp_path: Path) -> Site:
    for name in ("grants", "grants-revoked"):
        (tmp_path / name).mkdir()
    return site(folder=str(tmp_path / "grants"))


@pytest.mark.parametrize("marks", [0, 1])
def test_revocations_work_again_after_a_command_that_was_killed(
    made: Site, tmp_path: Path, marks: int
) -> None:
    folder = tmp_path / "grants-revoked"
    (folder / SWEEPING).touch()
    for name in [MARK][:marks]:
        (folder / name).touch()
    assert remove_marks(made, stored_s=0, compared_s=0) == marks
    assert not list(folder.iterdir())


def test_a_second_command_waits_for_the_first_one(made: Site, tmp_path: Path) -> None:
    """Otherwise it would end the pause of revocations while the first one still deletes."""
    folder = tmp_path / "grants-revoked"
    for name in (SWEEPING, MARK):
        (folder / name).touch()
    first = os.open(folder, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    waiting = f":{folder.stat().st_ino} "

    def waits() -> bool:
        lines = Path("/proc/locks").read_text().splitlines()
        return any("-> FLOCK" in line and waiting in line for line in lines)

    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(remove_marks, made, stored_s=0, compared_s=0)
        try:
            assert wait_until(lambda: waits() or second.done(), timeout_s=60)
            assert not second.done()
            assert (folder / SWEEPING).exists()
        finally:
            os.close(first)
        assert second.result(60) == 1
