"""The checks of `xaccel lint`, from their table."""

from __future__ import annotations

from xaccel.tools.lint.check import CHECKS


def sections() -> str:
    """Return one section for each check: what `xaccel lint --explain` prints."""
    found = (f"### {each.id}\n\n{each.text()}" for each in CHECKS.values())
    return "\n".join(["## Checks\n", *found])
