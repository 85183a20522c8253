"""A user imports each name from `xaccel.django`, `xaccel.audit` or `xaccel`, and pays nothing for unused ones."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from tests.groups import ROOT
from tests.worker import loaded
from xaccel.adapters import asgi, flask, starlette, wsgi

FOLDERS = ("docs", "examples", "portal", "integrations", "deploy", "README.md")
OTHER_PATHS = {"xaccel.django.rest_framework", "xaccel.audit.admin"}
"""They need Django REST framework, or the admin: a user imports them by their own path."""
INTERNAL = {
    ("examples/run_zip.py", "xaccel.features.archives.crc"),
    ("portal/demo/fill_portal.py", "xaccel.django.conf"),
    ("portal/demo/fill_portal.py", "xaccel.features.archives.crc"),
    ("portal/files/views/upload.py", "xaccel.features.archives.crc"),
}
"""Programs that fill a demonstration compute CRC-32s, which a user does not: no page has these imports."""
LAZY = {
    "xaccel.django": ("archives", "grants", "media", "uploads"),
    "xaccel.audit": ("archives", "models", "queries", "share_links"),
    "xaccel": ("features",),
}
CALLS = {"send_file", "send_zip", "receive_file", "received", "deny_download"}


def test_pages_and_examples_import_from_the_package() -> None:
    importing = re.compile(r"^ *(?:from|import) (xaccel\.(?:django|audit|features)\.[\w.]+)", re.MULTILINE)
    tracked = subprocess.check_output(["git", "ls-files", *FOLDERS], text=True, cwd=ROOT).split()
    files = [
        ROOT / name for name in tracked if name.endswith((".md", ".py")) and "docs/generated" not in name
    ]
    assert len(files) > 150
    deep = {
        (str(path.relative_to(ROOT)), name) for path in files for name in importing.findall(path.read_text())
    }
    assert {(path, name) for path, name in deep if name not in OTHER_PATHS} == INTERNAL


@pytest.mark.parametrize("package", LAZY)
def test_each_public_name_is_there_and_no_module_has_its_name(package: str) -> None:
    module = import_module(package)
    modules = {found.name for found in iter_modules(module.__path__)}
    if package != "xaccel.audit":  # whose models need the app
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert modules & {*getattr(module, "_MODULE_OF", ())} == set()
    with pytest.raises(AttributeError, match="no attribute 'send_nothing'"):
        _ = module.send_nothing


@pytest.mark.parametrize("package", LAZY)
def test_a_package_loads_no_module_of_a_name_that_is_not_used(package: str) -> None:
    program = f"import {package}, sys; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT).split()
    assert package in modules
    assert [name for name in LAZY[package] if f"{package}.{name}" in modules] == []


def test_a_worker_without_archives_loads_none(tmp_path: Path) -> None:
    modules = loaded(tmp_path)
    assert "xaccel.django.send_file" in modules
    parts = {part for name in modules for part in name.split(".")}
    assert parts & {"archives", "uploads", "media"} == set()


def test_adapters_have_the_names_of_django() -> None:
    package = import_module("xaccel.django")
    assert {*package.__all__} >= CALLS | {"revoke"}
    for adapter in (flask, starlette, wsgi):
        assert [name for name in CALLS | {"revoke"} if not hasattr(adapter.Downloads, name)] == []
    for adapter in (asgi, starlette):
        assert [name for name in CALLS if not hasattr(adapter.Downloads, f"a{name}")] == []
