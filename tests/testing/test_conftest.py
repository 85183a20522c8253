"""A missing server is a skip, and a failure where live tests are required; each case is a run of pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("without_plugins")
CONFTEST = Path(__file__).parents[1] / "conftest.py"
MISSING = """
def test_live(unavailable):
    unavailable("no such server here")
"""


@pytest.mark.parametrize(("required", "status"), [("0", 0), ("1", 1)])
def test_a_missing_server_is_a_failure_only_where_live_tests_are_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: str, status: int
) -> None:
    monkeypatch.setenv("XACCEL_REQUIRE_LIVE", required)
    (pytester.path / "conftest.py").write_text(CONFTEST.read_text())
    pytester.makepyfile(MISSING)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-ra")
    assert done.ret == status
    assert "no such server here" in done.stdout.str()
