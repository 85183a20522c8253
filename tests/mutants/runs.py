"""Run the mutants of a list: each with the tests that run its statement; in the engine with those that it names."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Any

from tests.mutants import trial
from tests.mutants.listed import ENGINE, PACKAGES, Mutant, Place

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".xaccel" / "mutants"
OPTIONS = {
    "tests/unit": ["-p", "no:django"],
    "tests/django": [],
    "tests/audit": ["--ds=tests.audit.settings", "--variant=none"],
    "tests/adapters": ["--variant=none"],
    "tests/maps": ["-p", "no:django"],
    "tests/live": ["-p", "no:django", "--variant=deb-njs"],
}
"""The options of pytest for each folder: a process has one Django."""
OF_PYTHON = ("tests/unit", "tests/django", "tests/audit", "tests/adapters")
OF_ENGINE = ("tests/unit", "tests/maps", "tests/live")
_QUICK_S = 4
_FEW = 3
"""A statement that runs at import has no test of its own, or those few that import its module again."""
_MOST_S = 20
"""Tests of a mutant in one process, by the seconds that they took before."""
_ENGINE_RULES = "tests/unit/tools/nginx/test_engine.py::test_every_"
"""Rules for all maps and lists of the engine. The other tests there compare its text."""
_COMPARE_TEXT = {"test_golden.py", "test_engine_sites.py"}
"""They compare the text of the configuration, so every mutant of the engine would fail them."""


def tree_of(commit: str, name: str) -> Path:
    """Make a copy of the project at a commit."""
    tree = WORK / name
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    return tree


def promised(tree: Path, path: str = "") -> set[str]:
    """Return the live tests that tests/promises.toml names for a file of the engine, or for all."""
    promises = tomllib.loads((tree / "tests/promises.toml").read_text(encoding="utf-8")).values()
    return {
        f"tests/live/{test}"
        for promise in promises
        for test in promise["tests"]
        if not path or any(fnmatch(path, pattern) for pattern in promise.get("engine", []))
        if PurePath(test.partition("::")[0]).name not in _COMPARE_TEXT
    }


def record(commit: str, folder: str) -> dict[str, Any]:
    """Return the seconds of each passed test of a folder, and the lines that it runs. It is kept in .xaccel."""
    file = WORK / f"{commit[:8]}-{folder.replace('/', '-')}.json"
    if not file.exists():
        print(f"recording {folder} at {commit[:8]}", flush=True)
        tree = tree_of(commit, f"{commit[:8]}-record")
        tests = sorted(promised(tree)) if folder == "tests/live" else [folder]
        folders = [f"src/xaccel/{name}/" for name in PACKAGES] if folder in OF_PYTHON else []
        found = trial.run(tree, [*OPTIONS[folder], *tests], trial.Record(tree, folders), 3600)
        file.write_text(json.dumps(found))
    result: dict[str, Any] = json.loads(file.read_text())
    return result


class Tests:
    """The tests of a commit, as they ran without a mutant, and the results of an earlier run."""

    def __init__(self, commit: str, folders: Sequence[str], before: dict[int, str]) -> None:
        self._found: dict[str, Any] = {}
        for folder in folders:
            self._found |= record(commit, folder)
        self._before = before

    def of(self, mutant: Mutant, place: Place, tree: Path) -> Iterator[list[str]]:
        """Yield the tests of a mutant, for one process each, in the order in which they run."""
        file, _, test = self._before.get(mutant.number, "").partition(": ")[2].partition("::")
        # it may have been moved to another folder
        yield [name for name in self._found if test and name.endswith(f"/{PurePath(file).name}::{test}")]
        if mutant.path.endswith(".conf"):
            yield from self._of_engine(mutant.path, tree)
        else:
            yield from self._of_python(mutant.path, {*range(place.line, place.last_line + 1)})

    def _of_python(self, path: str, lines: set[int]) -> Iterator[list[str]]:
        near = f"/{PurePath(path).parent.name}/"
        quick = {name: run for name, (seconds, run) in self._found.items() if seconds < _QUICK_S}
        chosen = [name for name, run in quick.items() if lines & {*run.get(path, ())}]
        if len(chosen) < _FEW:
            nearest = [name for name in quick if near in name.partition("::")[0]]
            chosen += nearest or [name for name, run in quick.items() if path in run]
        for folder in OF_PYTHON:
            own = [name for name in chosen if name.startswith(f"{folder}/")]
            first = [name for name in own if near in name.partition("::")[0] or folder == "tests/audit"]
            yield self._bounded(first)
            yield self._bounded([name for name in own if name not in {*first}])

    def _of_engine(self, file: str, tree: Path) -> Iterator[list[str]]:
        path = PurePath(file).relative_to(ENGINE)
        yield [name for name in self._found if name.startswith(_ENGINE_RULES)]
        maps = [name for name in self._found if name.startswith("tests/maps/") and "[wheel" not in name]
        chains = (tree / "tests/maps/chains.py").read_text(encoding="utf-8")
        if path.parent.name == "maps" or f'between("{path.stem}"' in chains:
            yield [name for name in maps if f"[deb-{path.stem}/" in name]
            yield self._bounded([name for name in maps if "test_tables" not in name])
        named = promised(tree, str(path))
        yield self._bounded([name for name in self._found if name.partition("[")[0] in named])

    def _bounded(self, names: Sequence[str]) -> list[str]:
        """Return tests from the shortest on, until they would take too long."""
        found, total = [], 0.0
        for name in sorted(names, key=lambda name: self._found[name][0]):
            total += self._found[name][0]
            if total < _MOST_S:
                found.append(name)
        return found

    def seconds(self, names: Sequence[str]) -> float:
        return sum(self._found[name][0] for name in names)


def outcome(mutant: Mutant, tree: Path, tests: Tests) -> str:
    """Return how a mutant ended."""
    place = mutant.find(tree)
    if place is None:
        return "gone"
    file = tree / mutant.path
    before, times, ran = file.read_bytes(), file.stat(), 0
    try:
        file.write_text(place.changed(mutant.after), encoding="utf-8")
        # so that no compiled file of another mutant is taken for this one
        os.utime(file, (mutant.number, mutant.number))
        for chosen in filter(None, tests.of(mutant, place, tree)):
            folder = "/".join(chosen[0].split("/")[:2])
            files = sorted({name.partition("::")[0] for name in chosen})
            limit_s = 60 + 5 * tests.seconds(chosen)
            found = trial.run(tree, [*OPTIONS[folder], "-x", *files], trial.Chosen(chosen), limit_s)
            if found is None:
                return f"killed: no end after {limit_s:.0f} s of {len(chosen)} tests in {folder}"
            if found["failed"]:
                refused = b"[emerg]" in tree.with_name(f"{tree.name}.out").read_bytes()
                return f"{'refused by NGINX' if refused else 'killed'}: {found['failed']}"
            ran += found["run"]
    finally:
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return f"survived: {ran} tests" if ran else "survived: no test"


def run(
    mutants: Sequence[Mutant], commit: str, results: Path, before: dict[int, str], processes: int
) -> None:
    """Run the mutants that have no result yet, and write each result as it comes.

    before: the results of an earlier run. The test that killed a mutant then is the first that runs.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    trial.import_early()
    # odd ones first: a run that is ended early has every other mutant of the list
    ordered = sorted(mutants, key=lambda mutant: (mutant.number % 2 == 0, mutant.number))
    known = read(results)
    missing = [mutant for mutant in ordered if mutant.number not in known]
    kinds = {mutant.path.endswith(".conf") for mutant in missing}
    folders = dict.fromkeys([*(OF_PYTHON if False in kinds else ()), *(OF_ENGINE if True in kinds else ())])
    tests = Tests(commit, folders, before)
    copies = [tree_of(commit, f"{commit[:8]}-{os.getpid()}-{number}") for number in range(processes)]
    trees: multiprocessing.Queue[Path] = multiprocessing.Queue()
    for tree in copies:
        trees.put(tree)
    with (
        multiprocessing.Pool(processes, _in_worker, (trees, tests)) as pool,
        results.open("a", encoding="utf-8") as file,
    ):
        for number, text in pool.imap_unordered(_one, missing):
            print(number, text, file=file, flush=True)
    for tree in copies:
        shutil.rmtree(tree, ignore_errors=True)
    lines = [f"{number} {text}\n" for number, text in sorted(read(results).items())]
    results.write_text("".join(lines), encoding="utf-8")


def read(results: Path) -> dict[int, str]:
    """Return the results by the numbers of the mutants."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return {int(line.partition(" ")[0]): line.partition(" ")[2] for line in lines}


_worker: tuple[Path, Tests]


def _in_worker(trees: multiprocessing.Queue[Path], tests: Tests) -> None:
    global _worker  # noqa: PLW0603  # a process has one tree
    _worker = trees.get(), tests


def _one(mutant: Mutant) -> tuple[int, str]:
    return mutant.number, outcome(mutant, *_worker)
