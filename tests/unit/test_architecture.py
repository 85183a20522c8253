from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import xaccel
from tests.conftest import VARIANTS
from tests.find_tests import ENGINE, find_tests
from tests.groups import ROOT, everything

PACKAGE = Path(xaccel.__file__).parent
TESTS = Path(__file__).parents[1]

HEAVY = (
    "aiohttp botocore boto3 django flask starlette storages urllib3 xaccel.django xaccel.tools.nginx".split()
)
SENDS = """
from xaccel import HTTPOrigin, LocalOrigin, ObjectRef, Sender, Site
site = Site(origins={"web": HTTPOrigin(base_url="https://h.example/"), "disk": LocalOrigin(root="/srv")},
            secrets=("s" * 32,))
for name in site.origins:
    Sender(site).hand_off(ObjectRef(name, "a.pdf"))
"""


@pytest.mark.parametrize("program", ["import xaccel", SENDS], ids=["import", "a hand-off without a bucket"])
def test_no_framework_and_no_botocore_is_loaded(program: str) -> None:
    shown = f"{program}\nimport sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", shown], text=True, timeout=60).split()
    assert "xaccel" in loaded
    assert [name for name in loaded if any(f"{name}.".startswith(f"{heavy}.") for heavy in HEAVY)] == []


def test_no_test_imports_a_test_module() -> None:
    """What tests share is in a module of its own, so that a test module can be moved or deleted alone."""
    importing = re.compile(r"^ *(?:from|import) +tests[\w.]*(?:\.| import (?:.*, *)?)test_\w+", re.MULTILINE)
    found = [
        f"{path.relative_to(TESTS)}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in importing.findall(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_public_names_are_few_sorted_and_there() -> None:
    assert len(xaccel.__all__) <= 14
    assert list(xaccel.__all__) == sorted(xaccel.__all__)
    assert [name for name in xaccel.__all__ if not hasattr(xaccel, name)] == []


def test_all_runs_every_test_module_once_and_each_build_of_nginx() -> None:
    here = [group for group in everything() if not group.python and not group.on_postgres]
    words = [word for group in here for word in group.arguments]
    paths = {Path(word) for word in words if word.startswith("tests/")}
    for module in (path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")):
        assert len(paths & {module, *module.parents}) == 1, module
    assert sorted(word for word in words if word.startswith("--variant")) == sorted(
        f"--variant={name}" for name in (*VARIANTS, "none")
    )


def test_each_file_of_the_engine_with_a_directive_has_tests() -> None:
    without = [path.name for path in (ROOT / ENGINE).rglob("*.*") if not find_tests(str(path))]
    assert without == ["version-2-or-newer.conf"]


def test_each_module_and_table_has_tests() -> None:
    """But what is only imported by all, and drop-ins: `scripts/test integrations` has theirs."""
    files = [
        path.relative_to(ROOT)
        for folder in ("src/xaccel", "testing/xaccel_testing")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".py", ".toml", ".js"} and "contrib" not in path.parts
    ]
    without = [str(path) for path in files if not find_tests(str(path))]
    assert without == ["src/xaccel/__init__.py", "src/xaccel/__main__.py"]
