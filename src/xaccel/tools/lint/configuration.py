"""A whole configuration: what leads to its locations, and what its variables can contain."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from xaccel.tools.lint.tree import Levels, Line, each_line, effective, lines_of

VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}|<%=.*?%>|\$\{?[A-Z][A-Z0-9_]*\b\}?")
_NAMED_GROUP = re.compile(r"\(\?P?<(\w+)>")
_SETS = (
    "set",
    "map",
    "geo",
    "split_clients",
    "auth_request_set",
    "perl_set",
    "js_set",
    "set_by_lua",
    "set_by_lua_block",
)
_REDIRECTS = {"301", "302", "303", "307", "308"}


@dataclass(frozen=True)
class Configuration:
    """The directives of one NGINX. main: its outermost level."""

    main: tuple[Line, ...]

    @cached_property
    def lines(self) -> list[tuple[Line, Levels]]:
        """Each line, with the levels that it is in."""
        return list(each_line((self.main,)))

    @cached_property
    def references(self) -> References:
        """The names of locations that other directives lead to."""
        found = References()
        for line, _ in self.lines:
            name, *words = line.words
            if name in ("auth_request", "mirror", "auth_request_set"):
                found.asked.update(words[:1])
            elif name in ("try_files", "error_page", "post_action") and words:
                statuses = set(words[:-1]) if name == "error_page" else set()
                (found.redirects if statuses & _REDIRECTS else found.fallbacks).add(words[-1])
        return found

    @cached_property
    def redirecting(self) -> dict[str, list[tuple[Line, Levels]]]:
        """By the name of a location: the locations whose backend's redirects lead to it."""
        found = defaultdict[str, list[tuple[Line, Levels]]](list)
        for line, path in self.locations():
            for page in effective("error_page", path):
                if _REDIRECTS & {*page.words[1:-1]}:
                    found[page.words[-1]].append((line, path))
        return dict(found)

    @cached_property
    def maps(self) -> dict[str, list[str]]:
        """By the name of a variable: the texts that `map` can give it."""
        found = defaultdict[str, list[str]](list)
        for line, _ in self.lines:
            if line.words[0] in ("map", "geo", "split_clients") and line.inside:
                rows = [row.words[-1] for row in line.inside if row.words[0] not in ("volatile", "hostnames")]
                found[line.words[-1].lstrip("$")] += rows
        return dict(found)

    @cached_property
    def of_the_app(self) -> set[str]:
        """The variables that `auth_request_set` takes from the app's response."""
        return {
            line.words[1].lstrip("$")
            for line, _ in self.lines
            if line.words[0] == "auth_request_set"
            if line.words[1:]
        }

    @cached_property
    def defined(self) -> set[str]:
        """The variables that the configuration defines."""
        words = [line.words for line, _ in self.lines]
        found = {
            one[2 if one[0] == "map" else 1].lstrip("$") for one in words if one[0] in _SETS and len(one) > 2
        }
        found |= {one[-1].lstrip("$") for one in words if one[0] in ("geo", "split_clients")}
        return found | {name for one in words for word in one for name in _NAMED_GROUP.findall(word)}

    @cached_property
    def placeholders(self) -> dict[str, str]:
        """The texts that a program replaces before NGINX reads the file: where each is first."""
        found: dict[str, str] = {}
        for line, _ in self.lines:
            for word in line.words:
                for text in _PLACEHOLDER.findall(word):
                    if text.strip("${}") not in self.defined or text[0] != "$":
                        found.setdefault(text, line.where)
        return found

    @cached_property
    def log_formats(self) -> dict[str, tuple[str, ...]]:
        """The texts of each `log_format`, by its name."""
        words = [line.words for line, _ in self.lines if line.words[0] == "log_format" and line.words[2:]]
        return {one[1]: one[2:] for one in words}

    def is_placeholder(self, variable: str) -> bool:
        """Tell whether a variable is one of an image's template, such as `$BACKEND_URL`."""
        return f"${variable}" in self.placeholders or f"${{{variable}}}" in self.placeholders

    @cached_property
    def upstreams(self) -> dict[str, list[str]]:
        """By the name of an `upstream`: its addresses."""
        groups = [line for line, _ in self.lines if line.words[0] == "upstream" and line.words[1:]]
        return {
            group.words[1]: [one.words[1] for one in lines_of("server", group.inside) if one.words[1:]]
            for group in groups
        }

    def servers_of(self, name: str) -> Sequence[str]:
        """Return the addresses of the `upstream` of that name; none if there is none."""
        return self.upstreams.get(name, ())

    def locations(self) -> Iterator[tuple[Line, Levels]]:
        """Yield each `location { }` with `proxy_pass`, with the levels around it and its own."""
        for line, path in self.lines:
            if line.words[0] == "location" and line.words[1:] and proxy_pass_of(line):
                yield line, (*path, line.inside)

    @cached_property
    def public_hosts(self) -> set[str]:
        """The hosts of the locations that clients can request: those of apps."""
        return {
            re.split(r"[/$]", proxy_pass_of(line).partition("://")[2], maxsplit=1)[0]
            for line, path in self.locations()
            if not line.words[-1].startswith("@") and not any(one.words == ("internal",) for one in path[-1])
        }


@dataclass(slots=True)
class References:
    """Names of locations. asked: by `auth_request`. redirects: by `error_page` of a redirect. fallbacks: by others."""

    asked: set[str] = field(default_factory=set)
    redirects: set[str] = field(default_factory=set)
    fallbacks: set[str] = field(default_factory=set)


def proxy_pass_of(location: Line) -> str:
    """Return where a location passes requests to, also in one of its `if { }`; empty: nowhere."""
    levels = [location.inside, *(line.inside for line in lines_of("if", location.inside))]
    return next(
        (line.words[1] for level in levels for line in lines_of("proxy_pass", level) if line.words[1:]), ""
    )
