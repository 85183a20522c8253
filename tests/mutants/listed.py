"""The list of mutants: drawn with a seed, written as a text, and found again in code that has changed since.

A mutant has the file, the function (in the engine: the block), the statement and what it becomes. Where a function has
a statement twice, it also has which of them.
"""

from __future__ import annotations

import ast
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.mutants import engine, python

PACKAGES = ("handoff", "signing", "site", "audit/ingest", "audit/log")
ENGINE = "src/xaccel/tools/nginx/engine"
_ENTRY = re.compile(
    r"^(?P<number>\d+) (?P<path>\S+?):(?P<line>\d+)(?: #(?P<nth>\d+))?(?: in (?P<scope>.+))?\n"
    r"- (?P<before>.+)\n\+ ?(?P<after>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `line` is where it was when it was drawn; `nth` counts the same statements of a function."""

    number: int
    path: str
    line: int
    nth: int
    scope: str
    before: str
    after: str

    def __str__(self) -> str:
        nth = f" #{self.nth}" if self.nth > 1 else ""
        scope = f" in {self.scope}" if self.scope else ""
        return f"{self.number} {self.path}:{self.line}{nth}{scope}\n- {self.before}\n+ {self.after}".rstrip()

    def find(self, root: Path) -> Place | None:
        """Return where it is in the code below `root`; None if its statement is gone."""
        wanted = self.scope, self.before, self.nth
        found = places(root / self.path) if (root / self.path).is_file() else iter(())
        return next((place for place in found if (place.scope, place.before, place.nth) == wanted), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A statement that may have mutants. `changed` returns the text of the file with another statement."""

    scope: str
    before: str
    line: int
    last_line: int
    mutants: Callable[[], list[str]]
    changed: Callable[[str], str]
    nth: int = 1


def places(path: Path) -> Iterator[Place]:
    """Yield the places of a file."""
    text, seen = path.read_text(encoding="utf-8"), Counter[tuple[str, str]]()
    for place in _in_engine(text.splitlines()) if path.suffix == ".conf" else _in_python(ast.parse(text)):
        seen[place.scope, place.before] += 1
        yield replace(place, nth=seen[place.scope, place.before])


def draw(root: Path, seed: int, *, of_python: int, of_engine: int) -> list[Mutant]:
    """Draw mutants: first statements, so that a long one is not drawn more often, then a change of each."""
    random_ = random.Random(seed)
    folders = [f"src/xaccel/{name}" for name in PACKAGES]
    there = {folder: _drawable(root, folder, "*.py") for folder in folders}
    total = sum(map(len, there.values()))
    shares = {folder: round(of_python * len(found) / total) for folder, found in there.items()}
    shares[folders[0]] += of_python - sum(shares.values())
    there[ENGINE], shares[ENGINE] = _drawable(root, ENGINE, "*.conf"), of_engine
    drawn = []
    for folder, share in shares.items():
        for index in sorted(random_.sample(range(len(there[folder])), share)):
            path, place, changes = there[folder][index]
            after = random_.choice(changes)
            drawn.append(
                Mutant(len(drawn) + 1, path, place.line, place.nth, place.scope, place.before, after)
            )
    return drawn


def read(path: Path) -> list[Mutant]:
    """Return the mutants of a list."""
    found = [one.groupdict() for one in _ENTRY.finditer(path.read_text(encoding="utf-8"))]
    numbers = ("number", "line", "nth")
    return [Mutant(**{k: int(v or 1) if k in numbers else v or "" for k, v in one.items()}) for one in found]


def commit_of(path: Path) -> str:
    """Return the commit that a list was drawn from: the last word of its first line."""
    return path.read_text(encoding="utf-8").splitlines()[0].rpartition(" ")[2]


def _drawable(root: Path, folder: str, pattern: str) -> list[tuple[str, Place, list[str]]]:
    return [
        (str(path.relative_to(root)), place, changes)
        for path in sorted((root / folder).rglob(pattern))
        for place in places(path)
        if (changes := place.mutants())
    ]


def _in_python(tree: ast.Module) -> Iterator[Place]:
    def changed(block: list[ast.stmt], index: int, after: str) -> str:
        python.replace(block, index, after)
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"

    for scope, block, index in python.statements(tree):
        statement, line = block[index], block[index].lineno
        last = statement.body[0].lineno - 1 if hasattr(statement, "body") else statement.end_lineno
        mutants = partial(python.mutants, statement)
        before = python.head(statement)
        yield Place(scope, before, line, last or line, mutants, partial(changed, block, index))


def _in_engine(lines: list[str]) -> Iterator[Place]:
    def changed(index: int, after: str) -> str:
        return "\n".join([*lines[:index], after, *lines[index + 1 :]]) + "\n"

    for scope, index in engine.lines(lines):
        before = engine.without_comment(lines[index])
        mutants = partial(engine.mutants, before, is_row=scope.startswith("map "))
        yield Place(scope, before, index + 1, index + 1, mutants, partial(changed, index))
