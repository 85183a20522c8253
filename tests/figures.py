"""Print how large the project is, and fail if it grew beyond its bounds: the step `figures` of scripts/check.

A commit that needs more lines raises the bound here and says why. Tests have no bound: none that guards a promise is
deleted for a number.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory

import grimp

import xaccel
from tests import counts
from tests.live.config.golden import BUILDS
from tests.worker import loaded

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "xaccel"

MOST_LINES = 21_948
"""Lines of Python in src/xaccel, with comments and blank lines; the goal is 17,600. Modules of `contrib`, of at most
60 lines each, are not among them. Grants are 900 of them: 300 in their package, the others where they meet NGINX,
Django, the adapters and the trail. Uploads in parts are 530: 420 in two modules, the others are columns of the table,
the middleware, and what they share with an upload in one request."""
MOST_ENTRIES = 28
"""The HTTP client of explain, doctor and trace is a package beside them, and decisions a module below the adapters.
Archives are a package too: a site without them loads none of its modules. `contrib` has the drop-ins for applications
that others wrote."""
MOST_NAMES = 13
MOST_LINES_OF_A_DROP_IN = 60
MOST_LINES_OF_THE_ENGINE = {"archives": 200, "grants": 195, "uploads": 282, "all sites": 1050}
"""Of each folder that only some sites include, and of all other files: an operator reviews them."""
MOST_LINES_OF_TABLES = 2_229
"""Of the tables of src/xaccel (*.toml): settings, commands, checks, remedies. A table is no place to hide code."""
MOST_MODULES_OF_A_WORKER = 45
SHORT = 20
"""Modules of fewer than 60 lines: what Django looks for, single commands, and where two packages meet, such as archives
and the rows of an app."""


def lines(*folders: str) -> int:
    """Count the lines of Python, with comments and blank lines."""
    files = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)


def lines_of_tables() -> int:
    """Count the lines of the tables of the library."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.toml"))


def modules_of_a_worker() -> int:
    """Count the modules of xaccel in a Django worker that sent a file."""
    with TemporaryDirectory() as folder:
        return len(loaded(Path(folder)))


def entries() -> list[str]:
    """Return the modules and packages at the top of xaccel."""
    return sorted(path.name for path in PACKAGE.iterdir() if path.name not in {"__pycache__", "py.typed"})


def drop_ins() -> list[int]:
    """Return the lines of each module or package of contrib."""
    places = [path for path in (PACKAGE / "contrib").iterdir() if not path.name.startswith("__")]
    files = [[path] if path.is_file() else [*path.rglob("*.py")] for path in places]
    return [sum(len(file.read_text(encoding="utf-8").splitlines()) for file in found) for found in files]


def circle() -> list[str]:
    """Return modules that import each other in a circle, if only for types; empty if there are none."""
    graph = grimp.build_graph(
        "xaccel", "xaccel_testing", "portal", exclude_type_checking_imports=False, cache_dir=None
    )
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def of_nginx() -> Iterable[tuple[str, int, int | None]]:
    """Return how much NGINX configuration an operator reviews, with the bounds."""
    rest = set(counts.engine()) - {"listener.conf"}
    for name, most in MOST_LINES_OF_THE_ENGINE.items():
        own = {file for file in rest if file.startswith(f"{name}/") or name == "all sites"}
        rest -= own
        if name == "archives":
            own.add("listener.conf")
        yield f"lines of the engine for {name}", counts.engine_lines(own), most
    for title, count, site, most in (
        ("one S3 origin", counts.site_lines, counts.PLAIN, 62),
        ("one S3 origin, cache, slices, limits and a log", counts.site_lines, counts.FULL, 110),
        ("a further S3 origin", counts.origin_lines, counts.PLAIN, 25),
        ("a further S3 origin with a cache", counts.origin_lines, counts.FULL, 25),
    ):
        yield (
            f"lines of the configuration for {title}",
            max(count(site, each) for each in BUILDS.values()),
            most,
        )


def figures() -> Iterable[tuple[str, int, int | None]]:
    """Return each figure with its name and its bound."""
    source, tests = lines("src/xaccel") - lines("src/xaccel/contrib"), lines("tests")
    yield "lines of Python in src/xaccel", source, MOST_LINES
    yield "lines of its tables", lines_of_tables(), MOST_LINES_OF_TABLES
    yield "modules of xaccel in a Django worker", modules_of_a_worker(), MOST_MODULES_OF_A_WORKER
    yield "entries at the top of src/xaccel", len(entries()), MOST_ENTRIES
    yield "public names of xaccel", len(xaccel.__all__), MOST_NAMES
    lengths = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py" and not path.is_relative_to(PACKAGE / "contrib")
    ]
    yield "modules of more than 400 lines", sum(length > 400 for length in lengths), 0
    yield "modules of fewer than 60 lines", sum(length < 60 for length in lengths), SHORT
    yield "lines of the longest drop-in in contrib", max(drop_ins()), MOST_LINES_OF_A_DROP_IN
    yield "modules in an import circle", len(set(circle())), 0
    yield from of_nginx()
    yield "lines of Python in tests", tests, None
    yield "lines of tests for 100 lines of src/xaccel", round(100 * tests / source), None
    yield "lines of Python in testing", lines("testing"), None
    yield "lines of Python in portal", lines("portal"), None
    yield "lines of Python in benchmarks", lines("benchmarks"), None


def main() -> int:
    status = 0
    for name, number, bound in figures():
        over = bound is not None and number > bound
        status |= over
        print(
            f"{number:>7,}  {name}{'' if bound is None else f' (at most {bound:,})'}{'  TOO MANY' if over else ''}"
        )
    if found := circle():
        print("the circle:", " -> ".join(found))
    return status


if __name__ == "__main__":
    sys.exit(main())
