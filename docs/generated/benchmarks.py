"""The page of results, from the record of a run of `scripts/bench --json`: no figure on it is typed by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.spread import short

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "docs/explanation/benchmarks.json"
PLOTS = RECORD.parent / "plots"


def page(record: Mapping[str, Any] | None = None) -> str:
    """Return everything below the page's introduction."""
    record = record or json.loads(RECORD.read_text(encoding="utf-8"))
    return "\n".join([*_run(record), *_goals(record), *_tables(record)]) + "\n"


def _run(record: Mapping[str, Any]) -> Iterator[str]:
    machine = dict(record["machine"])
    yield "## The run"
    yield ""
    yield f"Written at {record['at']}, size `{record['size']}`, of commit `{record['commit']}`."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in machine.items())
    yield ""


def _goals(record: Mapping[str, Any]) -> Iterator[str]:
    yield "## What was wanted"
    yield ""
    yield "| Question | Goal | Wanted | Measured | |"
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


def _tables(record: Mapping[str, Any]) -> Iterator[str]:
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
            picture = plots.name(question, number)
            if table["plot"] is not None and (PLOTS / picture).exists():
                yield f"![{table['title']}: {table['columns'][table['plot']]}](plots/{picture})"
                yield ""


def _cell(cell: Any) -> str:
    if isinstance(cell, dict):
        middle = short(cell["median"])
        return middle if cell["count"] == 1 else f"{middle} ({short(cell['low'])} to {short(cell['high'])})"
    return short(cell) if isinstance(cell, float) else str(cell).replace("|", "\\|")
