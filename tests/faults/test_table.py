"""The table of faults has no untested row, and no fault test is missing from it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.table import Fault, faults

ROOT = Path(__file__).resolve().parents[2]


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_each_row_has_a_promise_what_was_seen_and_tests_that_exist(fault: Fault) -> None:
    assert fault.promise
    assert fault.seen
    assert fault.tests
    for test in fault.tests:
        file, _, name = test.partition("::")
        assert name in names_in(ROOT / file), test


def test_each_test_of_the_folder_is_in_the_table() -> None:
    known = {test for fault in faults() for test in fault.tests}
    here = {
        f"tests/faults/{file.name}::{name}"
        for file in Path(__file__).parent.glob("test_*.py")
        if file.name != Path(__file__).name
        for name in names_in(file)
    }
    assert here - known == set()
