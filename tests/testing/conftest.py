"""Exclude the project `shop`, whose tests are not tests of this suite."""

from __future__ import annotations

collect_ignore = ["shop"]
"""A user's project: test_pytest_plugin.py runs its tests, in a pytest of its own."""
