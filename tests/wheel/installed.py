"""Check that the installed wheel is complete and that nothing unexpected is installed with it.

python -I installed.py SOURCE [PACKAGE …]: SOURCE is src/xaccel of the checkout, each PACKAGE a framework that is here.
"""

from __future__ import annotations

import importlib.metadata
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import xaccel

FRAMEWORKS = (
    "aiohttp boto3 botocore cryptography django fastapi flask gunicorn msgspec ninja opentelemetry prometheus_client"
    " rest_framework starlette storages werkzeug xaccel_testing"
).split()
DATA = (
    "py.typed",
    "tools/nginx/engine/xaccel.js",
    "tools/nginx/comments.toml",
    "site/settings.toml",
    "django/checks.toml",
)


def files(folder: Path) -> set[str]:
    found = (file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.relative_to(folder)) for file in found}


source, expected = Path(sys.argv[1]), sys.argv[2:]
package = Path(xaccel.__file__).parent
assert package == Path(sysconfig.get_path("purelib"), "xaccel"), package
assert not package.is_relative_to(source.parent), package

installed, wanted = files(package), files(source)
assert installed == wanted, (sorted(installed - wanted), sorted(wanted - installed))
assert installed >= set(DATA)

metadata = importlib.metadata.metadata("xaccel")
assert metadata["License-Expression"] == "MIT"
assert "Typing :: Typed" in metadata.get_all("Classifier", [])
recorded = {str(path) for path in importlib.metadata.files("xaccel") or ()}
assert {f"xaccel/{name}" for name in DATA} <= recorded
assert any(path.endswith("licenses/LICENSE") for path in recorded)

present = {name for name in FRAMEWORKS if find_spec(name)}
assert present == set(expected), f"here are {sorted(present)}, expected {sorted(expected)}"
