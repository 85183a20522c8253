"""The package that an adapter needs. tests/adapters/test_made_urls.py has the threads that coroutines wait in."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("xaccel.aiohttp", "aiohttp"),
        ("xaccel.flask", "flask"),
        ("xaccel.starlette", "starlette"),
        ("xaccel.django.rest_framework", "rest_framework"),
    ],
)
def test_without_its_package_an_adapter_names_it(module: str, package: str) -> None:
    script = f"import sys; sys.modules[{package!r}] = None\nimport {module}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert f"ImportError: {module} needs" in done.stderr
