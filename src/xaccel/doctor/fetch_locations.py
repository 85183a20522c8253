"""The locations that fetch files, in a configuration that somebody wrote by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xaccel.doctor.own_directives import Levels, Line, effective

_VARIABLE_HOST = re.compile(r"(?:https?://)?\$|https?://[^/]*\$")


class FetchLocation:
    """A location that fetches files, with the levels around it.

    has_variable_host: NGINX chooses the host by the request. is_inside: no client can request the location.
    is_secure: the storage may be requested over TLS. is_buffered: NGINX reads ahead of a slow client.
    follows_anywhere: the storage's redirects choose the host. passes_head: a HEAD request remains one.
    """

    def __init__(self, line: Line, path: Levels) -> None:
        self.path = path
        name, target = " ".join(line.words[1:]), self.value("proxy_pass")
        self.where = f"{line.where}: location {name}"
        lines = [one.words for level in path for one in level if one.words[0] == "set" and one.words[2:]]
        sets = {words[1]: words[2] for words in lines}
        expanded = target
        for _ in sets:
            expanded = re.sub(r"\$\w+", lambda found: sets.get(found[0], found[0]), expanded)
        self.has_variable_host = _VARIABLE_HOST.match(target) is not None
        self.is_inside = name.startswith("@") or any(one.words == ("internal",) for one in path[-1])
        self.is_secure = not expanded.startswith("http://")
        self.is_buffered = self.value("proxy_buffering") != "off"
        self.passes_head = not self.value("proxy_method") and self.value("proxy_cache") in ("", "off")
        self.follows_anywhere = "$upstream_http_location" in expanded or "_location" in target

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

    def ignores(self, name: str) -> bool:
        """Tell whether NGINX ignores a header of the storage."""
        return any(name in map(str.lower, line.words[1:]) for line in self.lines("proxy_ignore_headers"))


def places(path: Levels, *, asked: frozenset[str] = frozenset()) -> Iterator[FetchLocation]:
    """Yield the locations that fetch: internal and named ones, and those whose host is a variable.

    asked: the locations of `auth_request`, which fetch no file.
    """
    asked = asked or frozenset(_asked(path[-1]))
    for line in path[-1]:
        inner = (*path, line.inside)
        if line.words[0] == "location" and any(one.words[0] == "proxy_pass" for one in line.inside):
            found = FetchLocation(line, inner)
            if line.words[-1] not in asked and (found.is_inside or found.has_variable_host):
                yield found
        if line.inside:
            yield from places(inner, asked=asked)


def _asked(lines: tuple[Line, ...]) -> Iterator[str]:
    for line in lines:
        if line.words[0] == "auth_request":
            yield line.words[1]
        yield from _asked(line.inside)
