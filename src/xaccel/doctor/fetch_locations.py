"""The locations that fetch files, in a configuration that somebody wrote by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xaccel.doctor.own_directives import Levels, Line, effective

VARIABLE_HOST = re.compile(r"(?:https?://)?\$|https?://[^/]*\$")


class FetchLocation:
    """A location that fetches files, with the levels around it."""

    def __init__(self, line: Line, path: Levels) -> None:
        self.line, self.path = line, path
        self.name = " ".join(line.words[1:])
        self.where = f"{line.where}: location {self.name}"
        self.target = self.value("proxy_pass")
        sets = {
            one.words[1]: one.words[2]
            for level in path
            for one in level
            if one.words[0] == "set" and one.words[2:]
        }
        self.expanded = self.target
        for _ in sets:
            for name, value in sets.items():
                self.expanded = re.sub(re.escape(name) + r"\b", lambda _: value, self.expanded)  # noqa: B023

    def lines(self, name: str) -> tuple[Line, ...]:
        """Return the lines that apply here."""
        return effective(name, self.path)

    def value(self, name: str) -> str:
        """Return the first argument of a directive that applies here; empty where there is none."""
        return next((line.words[1] if line.words[1:] else "yes" for line in self.lines(name)), "")

    def sets_header(self, name: str) -> bool:
        """Tell whether the request to the storage has another value of a header than the client's, or none."""
        return any(
            line.words[1].lower() == name and f"$http_{name}" not in line.words[2:]
            for line in self.lines("proxy_set_header")
        )

    @property
    def is_inside(self) -> bool:
        """True if no client can request the location."""
        return self.name.startswith("@") or any(line.words == ("internal",) for line in self.path[-1])

    @property
    def is_secure(self) -> bool:
        """True if the storage may be requested over TLS."""
        return not self.expanded.startswith("http://")


def places(path: Levels, *, asked: frozenset[str] = frozenset()) -> Iterator[FetchLocation]:
    """Yield the locations that fetch: internal and named ones, and those whose host is a variable.

    asked: the locations of `auth_request`, which fetch no file.
    """
    asked = asked or frozenset(_asked(path[-1]))
    for line in path[-1]:
        inner = (*path, line.inside)
        if line.words[0] == "location" and any(one.words[0] == "proxy_pass" for one in line.inside):
            found = FetchLocation(line, inner)
            if line.words[-1] not in asked and (found.is_inside or VARIABLE_HOST.match(found.target)):
                yield found
        if line.inside:
            yield from places(inner, asked=asked)


def _asked(lines: tuple[Line, ...]) -> Iterator[str]:
    for line in lines:
        if line.words[0] == "auth_request":
            yield line.words[1]
        yield from _asked(line.inside)
