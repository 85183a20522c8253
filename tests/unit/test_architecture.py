from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import xaccel

PACKAGE = Path(xaccel.__file__).parent
TESTS = Path(__file__).parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))

LOADED = """
import sys
import xaccel
heavy = ("botocore", "boto3", "django", "flask", "starlette", "storages", "urllib3", "xaccel.django",
         "xaccel.nginx", "xaccel.testing")
print(sorted(name for name in sys.modules if name in heavy or name.startswith(tuple(f"{one}." for one in heavy))))
"""


def test_import_loads_no_framework_and_no_botocore() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_a_hand_off_from_a_server_or_a_directory_loads_no_botocore() -> None:
    script = """
import sys
from xaccel import HTTPOrigin, LocalOrigin, ObjectRef, Sender, Site
site = Site(origins={"web": HTTPOrigin(base_url="https://h.example/"), "disk": LocalOrigin(root="/srv")},
            secrets=("s" * 32,))
sender = Sender(site)
sender.hand_off(ObjectRef("web", "a.pdf"))
sender.hand_off(ObjectRef("disk", "a.pdf"))
print("botocore" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "False"


def test_no_module_is_over_400_lines() -> None:
    """So that a file is read in one go."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {str(path.relative_to(PACKAGE)): lines for path, lines in lengths.items() if lines > 400} == {}


SHORT = {
    "__main__.py": "python -m xaccel",
    "audit/apps.py": "Django reads apps.py",
    "audit/migrations/0002_names.py": "it renames two tables",
    "audit/queries.py": "the portal reads it, without a write",
    "audit/removals.py": "ingestion and retention, neither of which imports the other, meet here",
    "audit/signals.py": "an app imports it",
    "cli/purge.py": "one command",
    "cli/secret.py": "one command",
    "django/apps.py": "Django reads apps.py",
    "django/rest_framework.py": "it needs Django REST framework",
    "doctor/evidence.py": "the checks and the running site that they look at both give it",
    "handoff/without_nginx.py": "a page, as text",
    "share_links/apps.py": "Django reads apps.py",
}
"""Why these modules have fewer than 60 lines."""


def test_no_module_under_60_lines_is_without_a_reason() -> None:
    short = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if path.name != "__init__.py" and len(path.read_text(encoding="utf-8").splitlines()) < 60
    }
    assert short == {*SHORT}


def test_no_two_modules_have_one_name() -> None:
    """But those that Django looks for in each of its apps."""
    names = Counter(path.name for path in MODULES)
    django = {"__init__.py", "apps.py", "models.py", "0001_initial.py"}
    assert [name for name, count in names.items() if count > 1 and name not in django] == []


def test_no_two_classes_have_one_name() -> None:
    """But those that Django names, and the classes that adapters offer, so that an app can change adapters."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MODULES]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert {name for name, count in names.items() if count > 1} == {
        *("Meta", "Migration"),
        *("Downloads", "HandOffMiddleware"),
    }


def test_each_package_says_what_it_is_for() -> None:
    """But those that Django looks for."""
    silent = [
        path.parent.name
        for path in MODULES
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert sorted({*silent}) == ["commands", "management", "migrations"]


def test_no_app_has_a_migration_that_is_not_listed() -> None:
    found = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("migrations/0*.py"))
    listed = (
        "audit/migrations/0001_initial",
        "audit/migrations/0002_names",
        "share_links/migrations/0001_initial",
    )
    assert found == [f"{name}.py" for name in listed]


def test_the_folders_of_the_unit_tests_are_packages() -> None:
    folders = {path.parent.name for path in (TESTS / "unit").glob("*/__init__.py")}
    assert sorted(folders - {path.parent.name for path in PACKAGE.glob("*/__init__.py")}) == []


def test_no_test_imports_a_test_module() -> None:
    """What tests share is in a module of its own, so that a test module can be moved or deleted alone."""
    importing = re.compile(r"^ *(?:from|import) +tests[\w.]*(?:\.| import (?:.*, *)?)test_\w+", re.MULTILINE)
    found = [
        f"{path.relative_to(TESTS)}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in importing.findall(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_architecture_is_read_in_one_go() -> None:
    text = (PACKAGE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert [name for name in sorted(packages) if name not in text] == []


def test_the_public_names_are_few_sorted_and_there() -> None:
    assert len(xaccel.__all__) <= 13
    assert list(xaccel.__all__) == sorted(xaccel.__all__)
    assert [name for name in xaccel.__all__ if not hasattr(xaccel, name)] == []


def test_a_name_of_the_testing_package_that_a_module_has_too_stays_the_function() -> None:
    script = (
        "from xaccel.testing import Variant; from xaccel.testing import variants; print(callable(variants))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "True"
