"""How many processor seconds each group of tests took, so that a group that doubles is seen in a diff.

`scripts/test all --record` writes them. Seconds on a clock say how busy the machine was.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_suffix(".txt")
_MIN_S = 20.0
"""A group that takes less may double by a start of a server."""


def recorded(file: Path = FILE) -> dict[str, float]:
    lines = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return {name: float(seconds) for name, seconds in lines}


def record(groups: Mapping[str, float], file: Path = FILE) -> None:
    lines = [f"{name:<22}{seconds:5.0f}\n" for name, seconds in sorted(groups.items())]
    file.write_text("".join(lines), encoding="utf-8")


def doubled(groups: Mapping[str, float], file: Path = FILE) -> list[str]:
    """Return a sentence for each group that took twice as long as recorded, or more."""
    before = recorded(file)
    return [
        f"{name}: {seconds:.0f} processor seconds, recorded are {before[name]:.0f}"
        for name, seconds in groups.items()
        if seconds > _MIN_S and seconds >= 2 * before.get(name, seconds)
    ]
