"""Which checks a process can make."""

from __future__ import annotations

import pytest

from xaccel.doctor import check


def test_a_check_that_is_registered_later_is_made_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `manage.py xaccel` registers that of Django's settings."""
    monkeypatch.delitem(check._looks, "XA104", raising=False)
    assert "XA104" not in {each.id for each in check.checks()}
    monkeypatch.setitem(check._looks, "XA104", lambda _: ())
    assert "XA104" in {each.id for each in check.checks()}
