"""The pages of results, from records of `scripts/bench --json`. Each number on them comes from there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import plots
from benchmarks.measure.spread import short

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/background"
QUICK, FULL, ZIP, GATE = "benchmarks", "benchmarks-full", "benchmarks-zip", "benchmarks-gate"
"""The names of the pages, of their records and of the folders with their pictures."""


def page(name: str, record: Mapping[str, Any] | None = None) -> str:
    """Return everything below the introduction of the page called `name`."""
    record = record or record_of(name)
    return "\n".join([*_run(record), *_goals(record), *_tables(record, name)]) + "\n"


def record_of(name: str) -> dict[str, Any]:
    """Return the record that the page called `name` is printed from."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _run(record: Mapping[str, Any]) -> Iterator[str]:
    machine = dict(record["machine"])
    yield "## The run"
    yield ""
    took = f" It took {sum(record['seconds'].values()):,.0f} s." if "seconds" in record else ""
    yield f"Measured at {record['at']}, size `{record['size']}`, commit `{record['commit']}`.{took}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in machine.items())
    yield ""


def _goals(record: Mapping[str, Any]) -> Iterator[str]:
    yield "## Goals"
    yield ""
    yield "| Question | Goal | Limit | Measured | |"
    yield "|---|---|---|---|---|"
    for question, tables in record["questions"].items():
        for table in tables:
            for target in table["targets"]:
                bound = "at least" if target["at_least"] else "at most"
                verdict = "met" if target["met"] else "**missed**"
                measured, limit = short(target["measured"]), short(target["limit"])
                yield (
                    f"| `{question}` | {target['what']} | {bound} {limit} {target['unit']} | {measured} | {verdict} |"
                )
    yield ""


def _tables(record: Mapping[str, Any], name: str) -> Iterator[str]:
    for question, tables in record["questions"].items():
        yield f"## `{question}`"
        yield ""
        for number, table in enumerate(tables, 1):
            yield f"### {table['title']}"
            yield ""
            yield f"| {' | '.join(table['columns'])} |"
            yield f"|{'---|' * len(table['columns'])}"
            yield from (f"| {' | '.join(map(_cell, row))} |" for row in table["rows"])
            yield ""
            yield " ".join(table["note"].split("\n"))
            yield ""
            picture = f"plots/{name}/{plots.name(question, number)}"
            if table["plot"] is not None and (FOLDER / picture).exists():
                yield f"![{table['title']}: {table['columns'][table['plot']]}]({picture})"
                yield ""


def _cell(cell: Any) -> str:
    if isinstance(cell, dict):
        middle = short(cell["median"])
        return middle if cell["count"] == 1 else f"{middle} ({short(cell['low'])} to {short(cell['high'])})"
    return short(cell) if isinstance(cell, float) else str(cell).replace("|", "\\|")
