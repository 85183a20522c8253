"""Ports from the operating system."""

from __future__ import annotations

import pytest

from xaccel.testing import free_ports

pytestmark = pytest.mark.main


def test_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50
