"""Read faults.toml: each fault with its promise, what was seen, and its tests."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("faults.toml")


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. tests: ids as pytest takes them, from the root of the repository."""

    name: str
    promise: str
    seen: str
    tests: tuple[str, ...]


def faults() -> list[Fault]:
    """Return all rows, in their order."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))["fault"]
    return [Fault(row["name"], row["promise"], row["seen"], tuple(row["tests"])) for row in read]


def cited() -> list[str]:
    """Return the tests of the table that are in other folders."""
    found = {test for fault in faults() for test in fault.tests if not test.startswith("tests/faults/")}
    return sorted(found)
