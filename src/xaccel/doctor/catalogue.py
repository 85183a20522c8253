"""All checks, in the order in which they are made: the table checks.toml, and the functions that look.

It is apart from `check.py` because it imports the modules with the functions, which import `check.py`.
"""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from xaccel.doctor.check import LOOKS, Check

_BY_HAND = "XA700"
TABLE = Path(__file__).with_name("checks.toml")
_AREAS = ("settings", "on disk", "in memory", "origins", "log and disk", "download", "by hand")
"""In the order of the first digit of the ids."""
_MODULES = ("on_disk", "in_memory", "origin_checks", "log_and_disk", "download", "by_hand")


def checks(*, by_hand: bool = False) -> tuple[Check, ...]:
    """Return the checks that this process can make. All depend on the first one, which reads the settings.

    by_hand: those for a configuration without xaccel, which need no settings.
    """
    for name in _MODULES:
        import_module(f"xaccel.doctor.{name}")
    rows: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    first = min(rows)
    return tuple(
        Check(
            id=name,
            area=_AREAS[int(name[2]) - 1],
            after=(*(() if by_hand or name == first else (first,)), *row.pop("after", ())),
            look=LOOKS[name],
            **row,
        )
        for name, row in rows.items()
        if name in LOOKS and (name >= _BY_HAND) == by_hand
    )
