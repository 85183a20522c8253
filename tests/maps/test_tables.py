"""Every map of the engine has a table of tests, and every row of a map is needed by a row of its table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.maps.bench import Bench, Map, location, maps, names, running
from tests.maps.tables import FOLDER, rows, tables
from xaccel.tools.nginx import Directive
from xaccel_testing import Variant

NOT_NEEDED = {
    "xaccel_too_large": ['"~^\\d{0,9} \\d{10}"'],  # decides most sizes at once
    "xaccel_response_too_large": ['"~^\\d{0,9} \\d{10}"'],
    "xaccel_framing": ['"~\\d\\|$"'],
    # an empty value at once, without a regular expression
    **{
        f"xaccel_{name}": ['""']
        for name in (
            "claimed_id", "claimed_subject", "claimed_size", "claimed_note", "line_subject", "line_size", "line_note",
            "line_range", "line_content_range", "line_etag", "line_last_modified", "line_encoding",
        )
    },
}  # fmt: skip
"""Rows that change no value: they are there for speed."""


@pytest.mark.parametrize("tested", maps(), ids=lambda tested: tested.place)
def test_a_map_answers_as_its_table_says(bench: Bench, tested: Map) -> None:
    wanted = rows(tested)
    assert wanted, f"{tested.place} has no row in {FOLDER}/{tested.file}.toml"
    found = bench.values(tested.place, [row.inputs for row in wanted])
    wrong = [
        f"{value!r} instead of {row.expected!r} ({row.why}): {dict(zip(tested.inputs, row.inputs, strict=True))}"
        for row, value in zip(wanted, found, strict=True)
        if value != row.expected
    ]
    assert not wrong, "\n".join(wrong)


def test_a_table_is_of_a_map_of_the_engine() -> None:
    there = {(tested.file, tested.name) for tested in maps()}
    tested = {(path.stem, name) for path in FOLDER.glob("*.toml") for name in tables(path.stem)}
    assert tested - there == set()


@dataclass(frozen=True)
class Without:
    """A map without one of its rows."""

    tested: Map
    row: Directive
    variable: str

    @property
    def text(self) -> str:
        kept = [row for row in self.tested.rows if row is not self.row]
        return self.tested.text(self.variable, kept)


def shortened() -> Iterator[Without]:
    """Return each map without each of its rows."""
    number = 0
    for tested in maps():
        for row in tested.rows:
            if row.args:
                number += 1
                yield Without(tested, row, f"$xaccel_without_{number}")


def test_every_row_of_a_map_is_needed_by_its_table(
    build: Variant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    changed = list(shortened())
    http = [*(tested.text(name) for tested, name in zip(maps(), names(maps()).values(), strict=True))]
    http += [item.text for item in changed]
    places = [
        location(item.variable[1:], item.tested.inputs, "", item.tested.value(item.variable))
        for item in changed
    ]
    needless = []
    with running(tmp_path_factory.mktemp("without"), build.binary, http, places) as bench:
        for item in changed:
            wanted = rows(item.tested)
            found = bench.values(item.variable[1:], [row.inputs for row in wanted])
            if found == [row.expected for row in wanted] and not expected_to_be_needless(item):
                needless.append(f"{item.tested.place}: {item.row.name} {' '.join(item.row.args)}")
    assert not needless, "\n".join(needless)


def expected_to_be_needless(item: Without) -> bool:
    """Tell whether the row is in NOT_NEEDED, or is the default "", which NGINX has without it."""
    if item.row.name == "default":
        return item.row.args == ('""',)
    return item.row.name in NOT_NEEDED.get(item.tested.name, [])
