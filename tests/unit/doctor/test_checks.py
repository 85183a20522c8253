"""The checks of the doctor are those of its table, and each is found by its id."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import xaccel
from xaccel.doctor import check

PACKAGE = Path(xaccel.__file__).parent
LISTED = re.findall(r"^\[(XA\d{3})\]$", check.TABLE.read_text(encoding="utf-8"), re.MULTILINE)
SCRIPT = """
import sys
from xaccel.doctor.check import checks
print(*(each.id for each in (*checks(), *checks(by_hand=True))))
print([name for name in ("django", "xaccel.audit") if name in sys.modules])
"""


def test_a_process_without_django_knows_each_check_of_the_table() -> None:
    printed = subprocess.check_output([sys.executable, "-c", SCRIPT], text=True).splitlines()
    assert sorted(printed[0].split()) == sorted(LISTED)
    assert printed[1] == "[]"


def test_each_check_is_found_by_its_id_and_has_a_function_with_a_name() -> None:
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    assert [name for name in LISTED if not re.search(rf"\b{name}\b", "".join(sources))] == []
    for each in check.checks():
        if each.module:
            import_module(each.module)
    names = [check._looks[name].__name__ for name in LISTED]
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9]+(_[a-z0-9]+)+", name)] == []


def test_each_remedy_of_the_table_is_given() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert [name for name in check.REMEDIES if f'"{name}"' not in sources] == []
