"""All checks, in the order in which they are made: the table checks.toml, and the functions that look."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from xaccel.doctor.check import LOOKS, Check

_BY_HAND = "XA700"
TABLE = Path(__file__).with_name("checks.toml")
_MODULES = {
    "settings": "settings_checks",
    "on disk": "on_disk",
    "in memory": "in_memory",
    "origins": "origin_checks",
    "log and disk": "log_and_disk",
    "download": "download",
    "by hand": "by_hand",
}
"""By area. The areas are in the order of the first digit of the ids."""


@cache
def _rows() -> dict[str, dict[str, Any]]:
    for name in _MODULES.values():
        import_module(f"xaccel.doctor.{name}")
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def checks(*, by_hand: bool = False) -> tuple[Check, ...]:
    """Return the checks that this process can make. All depend on the first one, which reads the settings.

    by_hand: those for a configuration without xaccel, which need no settings.
    """
    rows = _rows()
    first = min(rows)
    return tuple(
        Check(
            id=name,
            area=[*_MODULES][int(name[2]) - 1],
            title=row["title"],
            where=row["where"],
            after=(*(() if by_hand or name == first else (first,)), *row.get("after", ())),
            consequence=row["consequence"],
            remedy=row["remedy"],
            worst=row.get("worst", "fail"),
            look=LOOKS[name],
        )
        for name, row in rows.items()
        if name in LOOKS and (name >= _BY_HAND) == by_hand
    )
