"""Exclude the project `shop`, whose tests are not tests of this suite."""

from __future__ import annotations

import pytest

collect_ignore = ["shop"]
"""A user's project: test_pytest_plugin.py runs its tests, in a pytest of its own."""


@pytest.fixture
def without_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pytest that a test starts imports none of the installed plugins, which takes it a second."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
