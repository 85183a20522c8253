"""tests/conftest.py handles long tests and missing servers; each case is a run of pytest."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.origin import emulators
from tests.testing.asking import gone
from xaccel.testing import ServerMissing

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("without_plugins")
CONFTEST = Path(__file__).parents[1] / "conftest.py"

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


SERVING = """
import time

def test_serving(s3):
    print(*s3.pids, flush=True)
    while True:  # a signal just before pause() would not end it
        time.sleep(0.1)
"""


def test_a_test_that_needs_azurite_does_not_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a new clone `npm ci` took more than the 300 seconds of a fixture, and 56 tests failed."""
    for name in (
        "scripts/azurite",
        "requirements/azurite/package.json",
        "requirements/azurite/package-lock.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CONFTEST.parents[1] / name, tmp_path / name)
    monkeypatch.setattr(emulators, "ROOT", tmp_path)
    with pytest.raises(ServerMissing, match=r"Run scripts/(azurite|system)"), emulators.azurite(tmp_path):
        pass
    assert not list((tmp_path / ".xaccel").rglob("node_modules"))


def write_suite(folder: Path, suite: str) -> None:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "live").mkdir()
    (folder / "live" / "test_suite.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\naddopts = --strict-markers\n")


def pytest_says(pytester: pytest.Pytester, suite: str, *arguments: str) -> tuple[int, str]:
    """Run pytest once more in this process: a start takes longer than these tests."""
    write_suite(pytester.path, suite)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-ra", *arguments)
    return done.ret, done.stdout.str()


@pytest.mark.parametrize("arguments", [(), ("-m", "live")])
def test_long_tests_are_deselected(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    status, said = pytest_says(pytester, SUITE, *arguments)
    assert status == 0
    assert "1 passed, 1 deselected" in said


@pytest.mark.parametrize("arguments", [("--slow",), ("--slow", "-m", "live")])
def test_slow_runs_them(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    status, said = pytest_says(pytester, SUITE, *arguments)
    assert status == 0
    assert "2 passed" in said


def test_the_folder_is_a_marker(pytester: pytest.Pytester) -> None:
    status, said = pytest_says(pytester, SUITE, "-m", "not live")
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
def test_variants_are_chosen(pytester: pytest.Pytester, arguments: tuple[str, ...], passed: int) -> None:
    status, said = pytest_says(pytester, ON_VARIANTS, *arguments)
    assert status == 0
    assert f"{passed} passed" in said
    assert (f"{5 - passed} deselected" in said) == (passed < 5)


ON_SOME = """
import pytest

pytestmark = pytest.mark.variants("deb", "wheel-njs")
row = pytest.param(2, marks=pytest.mark.variants("deb"))

@pytest.fixture(scope="session")
def variant(request):
    return request.param

@pytest.mark.parametrize("number", [1, row])
def test_on_some(variant, number):
    print("RAN", variant, number)

def test_on_none():
    print("RAN on none")
"""


@pytest.mark.parametrize(
    ("arguments", "ran"),
    [
        ((), ["deb 1", "deb 2", "on none", "wheel-njs 1"]),
        (("--variant=deb",), ["deb 1", "deb 2"]),
        (("--variant=wheel-njs", "--variant=none"), ["on none", "wheel-njs 1"]),
        (("--variant=deb-njs",), []),
    ],
    ids=["all", "one of them", "another and those on none", "none of them"],
)
def test_a_module_and_a_row_can_name_their_variants(
    pytester: pytest.Pytester, arguments: tuple[str, ...], ran: list[str]
) -> None:
    status, said = pytest_says(pytester, ON_SOME, "-s", *arguments)
    assert status == (0 if ran else 5)
    assert sorted(re.findall("RAN (.*)", said)) == ran
    assert "skipped" not in said


def test_missing_server_is_a_skip_that_says_so(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XACCEL_REQUIRE_LIVE", raising=False)
    status, said = pytest_says(pytester, MISSING)
    assert status == 0
    assert "1 skipped" in said
    assert "no such server here" in said


def test_missing_server_is_a_failure_where_live_tests_are_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XACCEL_REQUIRE_LIVE", "1")
    status, said = pytest_says(pytester, MISSING)
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
