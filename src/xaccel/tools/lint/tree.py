"""The directives of a configuration as a tree, and which of them apply where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A directive, with its file and line. `include` remains only for a file of xaccel, as ("include", KIND)."""

    words: tuple[str, ...]
    where: str
    inside: tuple[Line, ...] = ()


Levels = tuple[tuple[Line, ...], ...]
"""The content of `http { }`, of a `server { }` in it, of a `location { }` in that."""


@dataclass(eq=False)
class Block:
    """A block of a configuration, such as a `location { }`. path: the levels around it, and its own."""

    line: Line
    path: Levels

    @property
    def shown(self) -> str:
        """Its file, line and name."""
        return f"{self.line.where}: {' '.join(self.line.words)}"

    def lines(self, name: str) -> tuple[Line, ...]:
        """Return the directives of that name that apply here."""
        return effective(name, self.path)

    def value(self, name: str) -> str:
        """Return the arguments of a directive that applies here; empty where there is none."""
        return " ".join(" ".join(line.words[1:]) for line in self.lines(name)[:1])

    def words(self, name: str) -> set[str]:
        """Return all arguments of a directive that applies here, in lower case."""
        return {word.lower() for line in self.lines(name) for word in line.words[1:]}


def http_of(main: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the content of `http { }`."""
    return tuple(inner for line in lines_of("http", main) for inner in line.inside)


def lines_of(name: str, level: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines of a directive."""
    return tuple(line for line in level if line.words[0] == name)


def effective(name: str, path: Levels) -> tuple[Line, ...]:
    """Return the lines that apply at the innermost level: a level with own lines drops those of outer levels."""
    return next(filter(None, (lines_of(name, level) for level in reversed(path))), ())


def each_line(path: Levels) -> Iterator[tuple[Line, Levels]]:
    """Yield each line of the innermost level and of the blocks in it, with the levels that it is in."""
    for line in path[-1]:
        yield line, path
        yield from each_line((*path, line.inside))
