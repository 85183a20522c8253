"""Find the tests of a file: what `scripts/test for FILE` runs.

For a file of the engine they are tests/maps, where it has a map or a location that a chain of maps takes, and the live
tests that tests/promises.toml names. For a module they are the folder of tests/unit that mirrors its package, the test
files that import it, and the live tests of a promise that it keeps. If none imports it, those that import its package.
For a table or another file they are the tests that name it, and those of its package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from tests.promises import read

ROOT = Path(__file__).parents[1]
PACKAGE = Path("src/xaccel")
SOURCES = (Path("src"), Path("testing"))
_promises = cache(read)
ENGINE = PACKAGE / "tools" / "nginx" / "engine"


def find_tests(file: str) -> list[str]:
    """Return the files, folders and ids of the tests, without those that another one has."""
    path = (ROOT / file).resolve().relative_to(ROOT)
    if path.is_relative_to("tests"):
        return [str(path)]
    found = [*_promised(path)]
    if path.is_relative_to(ENGINE):
        found += ["tests/maps"] if path.parent.name == "maps" or _is_in_a_chain(path) else []
    for each in SOURCES:
        if path.is_relative_to(each) and not path.is_relative_to(ENGINE):
            found += _of_module(path.relative_to(each)) if path.suffix == ".py" else _naming(path, each)
    folders = tuple(f"{name}/" for name in found if (ROOT / name).is_dir())
    return sorted(name for name in {*found} if not name.startswith(folders))


def _promised(path: Path) -> Iterator[str]:
    for promise in _promises().values():
        patterns = [str(ENGINE / name) for name in promise.get("engine", [])]
        if any(fnmatch(str(path), name) for name in [*patterns, str(PACKAGE / promise.get("module", ""))]):
            yield from (f"tests/live/{test}" for test in promise["tests"])


def _is_in_a_chain(path: Path) -> bool:
    return f'between("{path.stem}"' in (ROOT / "tests/maps/chains.py").read_text(encoding="utf-8")


def _naming(path: Path, source: Path) -> Iterator[str]:
    for test in _all_tests():
        if path.name in test.read_text(encoding="utf-8"):
            yield str(test.relative_to(ROOT))
    yield from _of_module(path.parent.relative_to(source) / "__init__.py")


def _of_module(path: Path) -> Iterator[str]:
    if path.parts[0] == "xaccel_testing":
        yield "tests/testing"
    package = Path("tests/unit", *path.parent.parts[1:])
    mirrors = [package / f"test_{path.stem}.py", *([] if package.name == "unit" else [package])]
    yield from (str(mirror) for mirror in mirrors if (ROOT / mirror).exists())
    imports = {str(test.relative_to(ROOT)): _imports(test) for test in _all_tests()}
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    found: list[str] = []
    while not found and "." in module:
        found = [test for test, names in imports.items() if module in names]
        module = module.rpartition(".")[0]
    yield from found


@cache
def _all_tests() -> tuple[Path, ...]:
    return tuple((ROOT / "tests").rglob("test_*.py"))


@cache
def _imports(test: Path) -> frozenset[str]:
    """Return the modules that a test file imports, also those inside its functions, and their packages."""
    found = set[str]()
    for node in ast.walk(ast.parse(test.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{item.name}" for item in node.names)}
        elif isinstance(node, ast.Import):
            found |= {item.name for item in node.names}
    parents = (name.split(".")[:length] for name in found for length in range(1, name.count(".") + 2))
    return frozenset(map(".".join, parents))
