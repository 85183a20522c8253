"""Blocks for the pages "Private files in …": settings and code that were tested, and measured tables."""

from __future__ import annotations

import json
import re
import textwrap
from datetime import date
from pathlib import Path
from typing import Any

from xaccel.site.rules import PLACEHOLDER

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "integrations"
NOT_THERE = "the application makes none"
"""A row of integrations/table.py that an application does not have."""


def settings(name: str) -> str:
    """Return what settings.py adds to the settings before, as a block of Python."""
    return _block("settings.py", _text(FOLDER / name / "settings.py").partition("import *\n")[2])


def code(path: str) -> str:
    """Return a file of the repository as a block of Python, with its name and without its docstring."""
    return _block(path.rpartition("/")[2], _text(ROOT / path).partition('"""\n\n')[2])


def site(name: str) -> str:
    """Return the site of an application as a block of TOML, with a secret to replace."""
    text = _text(FOLDER / name / "site.toml").replace(
        'secret_env = "XACCEL_SECRET"', f'secret = "{PLACEHOLDER}"'
    )
    return f"```toml\n{text.strip()}\n```\n"


def _text(file: Path) -> str:
    """Return a file with the name of a user's package in place of that in this repository."""
    return re.sub(r"\bintegrations\.\w+(?=[.\"])", "mysite", file.read_text(encoding="utf-8"))


def _block(name: str, text: str) -> str:
    return f"```python\n# {name}\n{text.strip()}\n```\n"


def slow_clients(*rows: tuple[str, str, str]) -> str:
    """Return what eight slow clients cost applications: each row is a name, a measured side and its title."""
    lines = [
        "| | App's memory | Its temporary files | Slowest other page | With xaccel: memory | Slowest other page |",
        "|---|---|---|---|---|---|",
    ]
    for name, side, title in rows:
        sides = json.loads((FOLDER / name / "measured.json").read_text(encoding="utf-8"))["sides"]
        before, after = ({row: cell for row, (cell, _) in sides[each].items()} for each in (side, "xaccel"))
        memory, page = (
            "Eight slow clients: app's memory",
            "Slowest other page, with eight slow clients (without)",
        )
        files = before["Eight slow clients: app's temporary files"]
        cells = (title, before[memory], files, before[page], after[memory], after[page])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", "In brackets: without the slow clients."]) + "\n"


def table(name: str, **titles: str) -> str:
    """Return a column for each measured side, in the order of `titles`; what is wrong is bold.

    Below it are the rows in which all sides have the same right value.
    """
    record: dict[str, Any] = json.loads((FOLDER / name / "measured.json").read_text(encoding="utf-8"))
    sides = [record["sides"][side] for side in titles]
    lines = [f"| | {' | '.join(titles.values())} |", f"|---|{'---|' * len(titles)}"]
    same = []
    for row, (value, is_right) in sides[0].items():
        if all(side[row][0] == NOT_THERE for side in sides):
            continue
        if is_right and all(side[row][0] == value for side in sides):
            same.append(f"{row[0].lower()}{row[1:]} ({value})")
            continue
        cells = [text if is_right else f"**{text}**" for text, is_right in (side[row] for side in sides)]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    versions = ", ".join(f"{package} {number}" for package, number in record["versions"].items())
    day = date.fromisoformat(record["date"])
    note = textwrap.fill(
        f"Measured on {day:%-d %B %Y} by `scripts/bench integrations {name}` with {versions}, NGINX {record['nginx']} "
        f"and a file of {record['megabytes']} MB.",
        130,
    )
    equal = textwrap.fill(f"Equal in all columns: {'; '.join(same)}.", 130)
    return "\n".join([*lines, "", equal, "", note]) + "\n"
