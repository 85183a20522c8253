"""Pictures of the tables, from the record of a run: python -m benchmarks.measure.plots RECORD DIRECTORY.

The same record makes the same bytes: no date, no random names.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_INCHES, _OF_A_BAR = 8.0, 0.32
_OWN, _OTHER = "#1a6b54", "#9aa5b1"


def draw(record: Mapping[str, Any], directory: Path) -> list[Path]:
    """Draw each table that names a column for it and return the files, QUESTION-NUMBER.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for question, tables in record["questions"].items():
        for number, table in enumerate(tables, 1):
            if table["plot"] is not None and bars(table):
                found.append(directory / name(question, number))
                _draw(table, found[-1])
    return found


def name(question: str, number: int) -> str:
    """Return the name of the picture of a question's table of that number, from 1."""
    return f"{question}-{number}.svg"


def bars(table: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    """Return title, median and quartiles of each row that has a figure in the column."""
    found = []
    for row in table["rows"]:
        cell = row[table["plot"]]
        if isinstance(cell, dict):
            found.append((row[0], cell["median"], cell["low"], cell["high"]))
        elif isinstance(cell, int | float):
            found.append((row[0], cell, cell, cell))
    return found


def _draw(table: Mapping[str, Any], file: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    shown = bars(table)[::-1]
    settings = {"svg.hashsalt": "xaccel", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(_INCHES, 1.0 + _OF_A_BAR * len(shown)), layout="constrained")
        axes = figure.subplots()
        titles, middles = [title for title, *_ in shown], [middle for _, middle, *_ in shown]
        spans = [
            [max(middle - low, 0) for _, middle, low, _ in shown],
            [max(high - middle, 0) for _, middle, _, high in shown],
        ]
        colours = [_OWN if title.startswith(("xaccel", "deb", "wheel")) else _OTHER for title in titles]
        axes.barh(range(len(shown)), middles, xerr=spans, color=colours, ecolor="#333333", capsize=2)
        axes.set_yticks(range(len(shown)), titles)
        if min(middles) > 0 and max(middles) > 50 * min(middles):
            axes.set_xscale("log")
        axes.set_xlabel(table["columns"][table["plot"]])
        axes.set_title(table["title"], loc="left", fontsize=10)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def main(arguments: Sequence[str]) -> None:
    """Draw the pictures of a record."""
    record, directory = arguments
    for file in draw(json.loads(Path(record).read_text(encoding="utf-8")), Path(directory)):
        print(file)


if __name__ == "__main__":
    main(sys.argv[1:])
