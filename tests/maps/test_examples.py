"""The comments of the engine by which a reviewer understands an expression: they are true, and none is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.maps.bench import Map, files, location, maps, running
from tests.pages import ROOT
from xaccel.tools.nginx import Directive
from xaccel.tools.nginx.engine_files import FOLDER
from xaccel_testing import Variant

LONG = 200
_EXAMPLE = re.compile(r'    # "(?P<value>.*)": (?P<meaning>\S.*)')
_JOINED = re.compile(r"\$\w+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_TEST = re.compile(r"\b(tests/[\w/]+\.py)::(\w+)")


@dataclass(frozen=True)
class Example:
    """What a comment above a row says. row: its number in the map."""

    tested: Map
    row: int
    value: str


def joined() -> list[Map]:
    """Return the maps of three or more values."""
    return [tested for tested in maps() if len(_JOINED.findall(tested.source)) >= 3]


def row_lines(tested: Map) -> Iterator[tuple[list[str], str]]:
    """Yield each row but the default, with the comments above it."""
    text = files()[tested.file].read_text(encoding="utf-8")
    block = text.partition(f"\nmap {tested.source} {tested.variable} {{\n")[2].partition("\n}")[0]
    above: list[str] = []
    for line in block.split("\n"):
        if line.startswith("    #"):
            above.append(line)
            continue
        if not line.startswith(("    volatile;", "    default ")):
            yield above, line
        above = []


def examples() -> Iterator[Example]:
    for tested in joined():
        for number, (above, line) in enumerate(row_lines(tested)):
            found = [match["value"] for match in map(_EXAMPLE.fullmatch, above) if match]
            assert found, f"{tested.place}: no example above {line}"
            yield from (Example(tested, number, value) for value in found)


def choice(tested: Map, variable: str) -> str:
    """Write a map that finds the number of a row for a joined value, which comes from a request."""
    rows = [row for row in tested.rows if row.name not in ("default", "volatile")]
    numbered = tuple(Directive(row.name, (f"row_{number}",)) for number, row in enumerate(rows))
    return Map(tested.file, "$bench_0", "", numbered).text(variable)


def test_nginx_finds_each_row_by_the_example_above_it(
    build: Variant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    variables = {tested.place: f"$xaccel_choice_{number}" for number, tested in enumerate(joined())}
    http = [choice(tested, variables[tested.place]) for tested in joined()]
    locations = [location(place, (), "", variable) for place, variable in variables.items()]
    wrong = []
    with running(tmp_path_factory.mktemp("choice"), build.binary, http, locations) as bench:
        for each in examples():
            found = bench.value(each.tested.place, each.value)
            shape = _JOINED.sub("[^|]*", each.tested.source.strip('"').replace("|", r"\|"))
            if found != f"row_{each.row}" or not re.fullmatch(shape, each.value):
                wrong.append(f"{each.tested.place}: {each.value!r} is of {found}")
    assert not wrong, "\n".join(wrong)


def test_a_long_expression_has_its_test_beside_it() -> None:
    without, found = [], 0
    for path in sorted(FOLDER.rglob("*.conf")):
        for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
            code = re.sub(r"^ *#.*", "", paragraph, flags=re.MULTILINE)
            if not any(len(each) > LONG for each in _QUOTED.findall(code)):
                continue
            found += 1
            tests = _TEST.findall(paragraph)
            if not tests or any(f"def {name}(" not in (ROOT / file).read_text() for file, name in tests):
                without.append(f"{path.name}: {paragraph[:80]}")
    assert not without, "\n".join(without)
    assert found >= 5
