"""Read the tables: for each map inputs, the expected value and why.

A file of tables has the name of the engine's file. `inputs` names what the rows give; all other inputs are empty, or
what `always` says. `like` takes the rows of another map of the same file, `more` has further rows with other inputs.
A character is a byte: "\\u00ff" is the byte 0xff.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.maps.bench import Map

FOLDER = Path(__file__).with_name("tables")


@dataclass(frozen=True)
class Row:
    """One row: the inputs in the order of the map."""

    inputs: tuple[str, ...]
    expected: str
    why: str


@cache
def tables(file: str) -> dict[str, Any]:
    """Return the tables of one file of the engine, by the name of the map."""
    path = FOLDER / f"{file}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def rows(tested: Map) -> list[Row]:
    """Return the rows of a map; none if it has no table."""
    return list(_rows(tested, tables(tested.file).get(tested.name, {})))


def _rows(tested: Map, table: dict[str, Any]) -> Iterator[Row]:
    names = table.get("inputs", tested.inputs)
    always = table.get("always", {})
    if unknown := {*names, *always} - set(tested.inputs):
        raise ValueError(f"{tested.place} does not depend on {', '.join(sorted(unknown))}")
    like = tables(tested.file).get(table.get("like", ""), {})
    for row in [*table.get("rows", []), *like.get("rows", [])]:
        if len(row) != len(names) + 2 or not row[-1]:
            raise ValueError(f"{tested.place}: {row} is not {', '.join(names)}, the expected value and why")
        given = {**always, **dict(zip(names, row, strict=False))}
        yield Row(tuple(given.get(name, "") for name in tested.inputs), row[-2], row[-1])
    if more := table.get("more"):
        yield from _rows(tested, more)
