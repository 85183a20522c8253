"""Compare each measured figure in prose with the record that it comes from, and write it again.

A comment behind a figure has its page and the place in that page's record. A place is a goal (question, words) or a
cell (question, table, row, column).

    0.94<!-- benchmarks: small_files > 4 KB, xaccel, from the storage over django-sendfile2, a directory -->
    1,085<!-- benchmarks-full: large_files > A file of 1,000 MB, 8 clients at once > xaccel, NGINX from S3 > MB/s -->

`python -m docs.generated.prose_figures` prints the figures that are not those of the record, and ends with 1. With
`--write` it replaces them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.measure.spread import short
from docs.generated.benchmarks import ROOT, record_of

_FIGURE = re.compile(r"[\d,]*\d(?:\.\d+)?(?=(<!-- (benchmarks[a-z-]*): (.+?) -->))")


def measured(page: str, place: str) -> str:
    """Return the figure as prose has it, with about three digits. Raises LookupError if the record has none there."""
    question, *rest = place.split(" > ")
    tables = record_of(page)["questions"].get(question, [])
    values = {*(_goals(tables, *rest) if len(rest) == 1 else _cells(tables, *rest))}
    if len(values) != 1:
        raise LookupError(f"{page}.json has {len(values) or 'no'} figures at {place!r}: it needs one")
    [value] = values
    return f"{value:,.0f}" if value >= 1000 else short(value)


def _goals(tables: Sequence[Mapping[str, Any]], words: str) -> Iterator[float]:
    for table in tables:
        yield from (goal["measured"] for goal in table["targets"] if goal["what"] == words)


def _cells(tables: Sequence[Mapping[str, Any]], title: str, row: str, column: str) -> Iterator[float]:
    for table in tables:
        if table["title"] == title and column in table["columns"]:
            cells = [cells[table["columns"].index(column)] for cells in table["rows"] if cells[0] == row]
            yield from (cell["median"] if isinstance(cell, dict) else cell for cell in cells)


def renewed(text: str) -> str:
    """Return a page with each marked figure as its record has it."""
    return _FIGURE.sub(lambda match: measured(match[2], match[3]), text)


def main(arguments: list[str]) -> int:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    stale = 0
    for name in listed.stdout.splitlines():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        new = renewed(text)
        if new == text:
            continue
        stale += 1
        if "--write" in arguments:
            path.write_text(new, encoding="utf-8")
            continue
        lines = zip(text.splitlines(), new.splitlines(), strict=True)
        changed = [number for number, (old, fresh) in enumerate(lines, 1) if old != fresh]
        print(
            f"{name}: lines {changed}: the record has another figure: run docs.generated.prose_figures --write"
        )
    return 1 if stale and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
