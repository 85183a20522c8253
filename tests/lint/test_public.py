"""Configurations of others: `xaccel lint` finds all that is true of each, and nothing else.

truth.toml was written by reading the files, and committed before `xaccel lint` saw them. Only projects that published
the fault themselves are named.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from xaccel.tools.lint.check import lint
from xaccel.tools.lint.settings import settings_for

FOLDER = Path(__file__).with_name("public")
TRUTH: dict[str, dict[str, str]] = tomllib.loads((FOLDER / "truth.toml").read_text(encoding="utf-8"))
FALSE: set[tuple[str, str, str]] = set()
"""The findings that are not true, at most one: file, location, check."""


def true_of(name: str) -> set[tuple[str, str, str]]:
    return {
        (name, f"location {place}", f"XA{number}")
        for place, numbers in TRUTH[name].items()
        for number in numbers.split()
    }


def found_in(name: str) -> set[tuple[str, str, str]]:
    report = lint([FOLDER / name])
    assert report.unread == []
    return {(name, one.place, one.check.id) for one in report.findings}


@pytest.mark.parametrize("name", TRUTH)
def test_each_true_fault_is_found_and_no_other_is_reported(name: str) -> None:
    assert found_in(name) == true_of(name) | {one for one in FALSE if one[0] == name}


def test_each_file_has_its_list_and_hardly_a_finding_is_false() -> None:
    assert {*TRUTH} == {path.name for path in FOLDER.iterdir()} - {"truth.toml"}
    assert len(TRUTH) == 13
    assert len(FALSE) <= 1


def test_the_fix_of_read_the_docs_ends_its_findings() -> None:
    before, after = (FOLDER / f"read-the-docs-{name}.conf" for name in ("before", "after"))
    fix = '        proxy_set_header Cookie "";\n'
    changed = Counter(after.read_text().splitlines(keepends=True)) - Counter(
        before.read_text().splitlines(keepends=True)
    )
    assert fix in changed
    [cookie] = [one.fault for one in lint([before]).findings if one.check.id == "XA702"]
    assert cookie == "sends the client's cookie"
    assert lint([after]).findings == []


@pytest.mark.parametrize("name", [name for name in TRUTH if TRUTH[name]])
def test_the_settings_of_each_can_be_read_by_python(name: str) -> None:
    printed = "\n".join(settings_for(lint([FOLDER / name]).places))
    if printed:
        scope: dict[str, object] = {}
        exec(printed, scope)
        assert [*scope] == ["__builtins__", "XACCEL"]
