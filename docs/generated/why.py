"""The table of `why`: what `xaccel explain` says about each value."""

from __future__ import annotations

from collections.abc import Mapping

from docs.generated.docstrings import escaped
from xaccel.tools.explain.why import ALL_SENT, ANY_STATUS, ARCHIVE, LEFT, MISSING, NOT_READ, UPLOAD, WHY, Why


def table() -> str:
    """Return the rows of WHY."""
    empty = (
        f"{ALL_SENT.cause} If `completion` is empty, however, {LEFT.cause[0].lower()}{LEFT.cause[1:]} See"
        " [two faults that look the same](#failures-that-the-entry-does-not-show)."
    )
    rows = [
        "| Value | What happened | What to do |",
        "|---|---|---|",
        f"| (empty) | {empty} | {LEFT.remedy} |",
        f"| (empty, and `status` is 404) | {MISSING.cause} | {MISSING.remedy} |",
        f"| (empty, and `status` is 403 or 5xx) | {NOT_READ.cause} | {NOT_READ.remedy} |",
    ]
    rows += [f"| `{why}` | {escaped(row.cause)} | {escaped(row.remedy)} |" for why, row in WHY.items()]
    rows.append(f"| `origin_` and any other status | {ANY_STATUS.cause} | {ANY_STATUS.remedy} |")
    return "\n".join(rows) + "\n"


def of_archives() -> str:
    """Return the rows of ARCHIVE."""
    return _rows(ARCHIVE)


def of_uploads() -> str:
    """Return the rows of UPLOAD."""
    shown = {"stored": "(empty)", "origin_": "`origin_` and any other status"}
    return _rows({shown.get(why, why): row for why, row in UPLOAD.items()})


def _rows(table: Mapping[str, Why]) -> str:
    shown = {why if why[0] in "(`" else f"`{why}`": row for why, row in table.items()}
    rows = [f"| {why} | {escaped(row.cause)} | {escaped(row.remedy)} |" for why, row in shown.items()]
    return "\n".join(["| Value | What happened | What to do |", "|---|---|---|", *rows]) + "\n"
