"""The page of the doctor's checks: the checks from their table, the breakages from the tests."""

from __future__ import annotations

from tests.doctor.breakages import IN_DJANGO
from tests.doctor.way import TABLE
from xaccel.tools.doctor.check import checks


def sections() -> str:
    """Return one section for each check: what `xaccel doctor explain` prints."""
    found: list[str] = []
    area = ""
    for each in checks():
        if each.area != area:
            area = each.area
            found.append(f"## Checks: {area}\n")
        found.append(f"### {each.id}\n\n{each.text()}")
    return "\n".join(found)


def breakages() -> str:
    """Return the table of what the tests break on a running site."""
    rows = ["| What is broken | The doctor reports |", "|---|---|"]
    rows += [
        f"| {each.what} | [{each.id}](#{each.id.lower()}) `{each.status}` |" for each in (*TABLE, *IN_DJANGO)
    ]
    return "\n".join(rows) + "\n"
