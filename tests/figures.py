"""Print how large the project is: the step `figures` of scripts/check.

It fails only for what a user or a worker would notice: public names, modules of a worker, and imports in a circle.
Sizes are printed, and none of them has a bound: code that is squeezed to meet a number is harder to read.
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

MAX_NAMES = 14
"""Public names of `xaccel`: each is one that a user must learn."""
MAX_MODULES_OF_A_WORKER = 45
"""A worker that sends files pays for them in memory and start-up time."""


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


def of_nginx() -> Iterable[tuple[str, int]]:
    """Return how much NGINX configuration an operator reviews."""
    rest = set(counts.engine())
    for name in ("archives", "grants", "uploads"):
        own = {file for file in rest if file.startswith(f"{name}/")}
        rest -= own
        yield f"lines of the engine for {name}", counts.engine_lines(own)
    yield "lines of the engine for all sites", counts.engine_lines(rest)
    for title, count, site in (
        ("one S3 origin", counts.site_lines, counts.PLAIN),
        ("one S3 origin, cache, slices, limits and a log", counts.site_lines, counts.FULL),
        ("a further S3 origin", counts.origin_lines, counts.PLAIN),
        ("a further S3 origin with a cache", counts.origin_lines, counts.FULL),
    ):
        yield f"lines of the configuration for {title}", max(count(site, each) for each in BUILDS.values())


def sizes() -> Iterable[tuple[str, int]]:
    """Return the size of each part of the project with its name."""
    lengths = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    ]
    yield "lines of Python in src/xaccel", lines("src/xaccel")
    yield "lines of its tables", lines_of_tables()
    yield "entries at the top of src/xaccel", len(entries())
    yield "modules of more than 400 lines", sum(length > 400 for length in lengths)
    yield "modules of fewer than 60 lines", sum(length < 60 for length in lengths)
    yield from of_nginx()
    for folder in ("tests", "testing", "portal", "benchmarks"):
        yield f"lines of Python in {folder}", lines(folder)


def bounded() -> Iterable[tuple[str, int, int]]:
    """Return each figure that has a bound, with its name and the bound."""
    yield "modules of xaccel in a Django worker", modules_of_a_worker(), MAX_MODULES_OF_A_WORKER
    yield "public names of xaccel", len(xaccel.__all__), MAX_NAMES
    yield "modules in an import circle", len(set(circle())), 0


def main() -> int:
    status = 0
    for name, number in sizes():
        print(f"{number:>7,}  {name}")
    for name, number, bound in bounded():
        print(f"{number:>7,}  {name} (at most {bound:,}){'  TOO MANY' if number > bound else ''}")
        status |= number > bound
    if modules := circle():
        print("the circle:", " -> ".join(modules))
    return status


if __name__ == "__main__":
    sys.exit(main())
