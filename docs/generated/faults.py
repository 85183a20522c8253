"""The table of faults, from the rows that `scripts/test faults` tests."""

from __future__ import annotations

from tests.faults.table import faults


def table() -> str:
    """Return a row for each fault, with its tests."""
    lines = ["| Fault | Promise | Seen | Tests |", "|---|---|---|---|"]
    for fault in faults():
        tests = ", ".join(f"`{test.partition('::')[2]}`" for test in fault.tests)
        lines.append(f"| {fault.name} | {fault.promise} | {fault.seen} | {tests} |")
    return "\n".join(lines) + "\n"
