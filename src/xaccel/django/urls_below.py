"""Tell whether a project has URLs below a path, for the doctor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLResolver, get_resolver
from django.urls.resolvers import LocalePrefixPattern, RoutePattern

_LITERAL = re.compile(r"(?:\\[^A-Za-z0-9]|[^\\.^$*+?{}\[\]|()])*")
"""The beginning of a regular expression that stands for itself."""


def leads_below(path: str) -> bool:
    """Tell whether a URL of the project can begin with a path.

    A server may have added SCRIPT_NAME to it: so a path that fits without its first segments fits too.
    """
    segments = path.strip("/").split("/")
    paths = [f"/{'/'.join(segments[start:])}/" for start in range(len(segments))]
    return any(_fits(one, text, is_whole) for one in paths for text, is_whole in _beginnings(get_resolver()))


def _fits(path: str, text: str, is_whole: bool) -> bool:
    return text.startswith(path) or (not is_whole and path.startswith(text))


def _beginnings(resolver: URLResolver, before: str = "/") -> Iterator[tuple[str, bool]]:
    """Yield how each URL begins, and whether this is the whole of it."""
    for pattern in resolver.url_patterns:
        text, rest = _beginning(pattern.pattern)
        if isinstance(pattern, URLResolver) and not rest:
            yield from _beginnings(pattern, f"{before}{text}")
        else:
            yield f"{before}{text}", rest == "$"


def _beginning(pattern: Any) -> tuple[str, str]:
    """Return the text that a pattern begins with, and the rest of it as a regular expression."""
    if isinstance(pattern, LocalePrefixPattern):  # each language has another text, of one segment
        return "", ""
    if isinstance(pattern, RoutePattern):
        route = str(pattern)
        text = route.partition("<")[0]
        return text, route[len(text) :] or ("$" if pattern.regex.pattern.endswith((r"\Z", r"\z")) else "")
    source = pattern.regex.pattern.removeprefix("^")
    found = _LITERAL.match(source)
    literal = found[0] if found else ""
    rest = source[len(literal) :]
    if rest[:1] in ("?", "*", "{"):  # the last character may be missing
        literal = literal[:-1]
    return re.sub(r"\\(.)", r"\1", literal), "$" if rest in ("$", r"\Z", r"\z") else rest
