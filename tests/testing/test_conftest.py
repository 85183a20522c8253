"""What tests/conftest.py promises about long tests and missing servers, in a pytest of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing.asking import gone

CONFTEST = Path(__file__).parents[1] / "conftest.py"
ROOT = CONFTEST.parents[1]

SUITE = """
import pytest

def test_short():
    pass

@pytest.mark.slow
def test_long():
    pass
"""

MISSING = """
def test_live(unavailable):
    unavailable("no such server here")
"""


FOLDERS = """
import tempfile

def test_folders(tmp_path):
    print("folders", tmp_path, tempfile.gettempdir())

def test_that_fails():
    assert {passes}
"""

SERVING = """
import signal

def test_serving(s3):
    print(*s3.pids, flush=True)
    signal.pause()
"""


def write_suite(folder: Path, suite: str) -> None:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "live").mkdir()
    (folder / "live" / "test_suite.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\naddopts = --strict-markers\n")


def pytest_says(folder: Path, suite: str, *arguments: str, **env: str) -> tuple[int, str]:
    write_suite(folder, suite)
    kept = {name: value for name, value in os.environ.items() if name != "XACCEL_REQUIRE_LIVE"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", *arguments],
        cwd=folder,
        env={**kept, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("arguments", [(), ("-m", "live")])
def test_long_tests_are_deselected(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, said = pytest_says(tmp_path, SUITE, *arguments)
    assert status == 0
    assert "1 passed, 1 deselected" in said


@pytest.mark.parametrize("arguments", [("--slow",), ("--slow", "-m", "live")])
def test_slow_runs_them(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, said = pytest_says(tmp_path, SUITE, *arguments)
    assert status == 0
    assert "2 passed" in said


def test_the_folder_is_a_marker(tmp_path: Path) -> None:
    status, said = pytest_says(tmp_path, SUITE, "-m", "not live")
    assert status == 5
    assert "2 deselected" in said


ON_VARIANTS = """
import pytest

@pytest.mark.parametrize("variant", ["deb", "deb-njs", "wheel", "wheel-njs"])
def test_on_each(variant):
    pass

def test_on_none():
    pass
"""


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ((), 5),
        (("--variant=deb",), 1),
        (("--variant=deb", "--variant=none"), 2),
        (("--variant=deb", "--variant=wheel-njs"), 2),
    ],
    ids=["all", "deb", "deb and those on none", "deb and wheel-njs"],
)
def test_variants_are_chosen(tmp_path: Path, arguments: tuple[str, ...], passed: int) -> None:
    status, said = pytest_says(tmp_path, ON_VARIANTS, *arguments)
    assert status == 0
    assert f"{passed} passed" in said
    assert (f"{5 - passed} deselected" in said) == (passed < 5)


def test_missing_server_is_a_skip_that_says_so(tmp_path: Path) -> None:
    status, said = pytest_says(tmp_path, MISSING)
    assert status == 0
    assert "1 skipped" in said
    assert "no such server here" in said


def test_missing_server_is_a_failure_where_live_tests_are_required(tmp_path: Path) -> None:
    status, said = pytest_says(tmp_path, MISSING, XACCEL_REQUIRE_LIVE="1")
    assert status == 1
    assert "no such server here" in said


def test_run_that_is_terminated_leaves_no_server(tmp_path: Path) -> None:
    write_suite(tmp_path, SERVING)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-s"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pids = [int(word) for word in child.stdout.readline().split()]
        assert pids
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=20)
    assert gone(pids)


def scripts_test(folder: Path, passes: bool) -> tuple[Path, Path]:
    """Return tmp_path and the folder of tempfile in a run of scripts/test, whose temporary files are in `folder`."""
    suite = folder / "test_suite.py"
    suite.write_text(FOLDERS.format(passes=passes))
    command = [ROOT / "scripts" / "test", "-s", "-q", "-p", "no:django", suite]
    env = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == (0 if passes else 1), done.stdout + done.stderr
    ((tmp, temporary),) = re.findall(r"folders (\S+) (\S+)", done.stdout)
    return Path(tmp), Path(temporary)


def test_each_run_has_a_temporary_folder_of_its_own_and_removes_it(tmp_path: Path) -> None:
    (tmp, temporary), (other_tmp, other) = (scripts_test(tmp_path, passes=True) for _ in range(2))
    assert temporary != other
    assert (temporary.parent, other.parent) == (tmp_path, tmp_path)
    assert (temporary in tmp.parents, other in other_tmp.parents) == (True, True)
    assert (temporary.exists(), other.exists()) == (False, False)
    # a socket's path has at most 107 bytes: not longer than in pytest's own folder
    name = str(tmp.relative_to(tmp_path))
    assert len(name) <= len("pytest-of-root/pytest-12/test_folders0")


def test_the_files_of_a_run_that_failed_stay(tmp_path: Path) -> None:
    tmp, temporary = scripts_test(tmp_path, passes=False)
    assert temporary.parent == tmp_path
    assert tmp.is_dir()
