"""Whether a step goes to the origin itself, and through which connections: the same few rows for any number of origins.

NGINX tries the regular expressions of a map one by one, so what differs between origins is a variable that each sets in
its own location, and the rows compare with that.
"""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.buckets import STAR
from xaccel.nginx.emit import Directive, Raw, directive, phrase
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names
from xaccel.nginx.pools import Lead, leads, pool
from xaccel.nginx.transport import Route

_LONGEST = 2000
"""Characters of one `set`; NGINX reads no value of 4096 bytes."""


def maps(found: tuple[Route, ...], names: Names) -> Iterator[Directive]:
    """Print where the origin set in its location is compared with the URL of the step."""
    yield volatile_map(
        phrase(f"{names.var('home')} {names.var('url')}"),
        names.var("at_home"),
        *_homes(found, names),
        why="Whether a step goes to the origin itself, and if not, through which connections; nowhere else.",
    )
    any_leads = _may_lead(found)
    yield volatile_map(
        phrase(f"{names.var('at_home')}{names.var('leads')} |{names.var('base')}")
        if any_leads
        else names.var("at_home"),
        names.var("peer"),
        ("~^1", names.var("home_peer")),
        *(_rows(names) if any_leads else ()),
    )


def destinations(found: tuple[Route, ...], names: Names) -> dict[str, tuple[Directive, ...]]:
    """Return what the location of each origin, by its name, says about it for `maps`."""
    led = leads(found, names) if _may_lead(found) else None
    return {
        route.name: (
            directive("set", names.var("home"), route.home),
            directive("set", names.var("home_peer"), f"{route.scheme}://{pool(route, names)}"),
            *(() if led is None else _leads(led[route.name], names)),
        )
        for route in found
    }


def _may_lead(found: tuple[Route, ...]) -> bool:
    return any(route.origin.redirect_hosts for route in found)


def _leads(led: tuple[Lead, ...], names: Names) -> Iterator[Directive]:
    before: str = ""
    for text in _pieces([f" {lead.base}={lead.peer}" for lead in led]):
        yield directive("set", names.var("leads"), phrase(f"{before}{text}"))
        before = names.var("leads")


def _pieces(texts: list[str]) -> Iterator[str]:
    piece = ""
    for text in texts:
        if len(piece) + len(text) > _LONGEST:
            yield piece
            piece = ""
        piece += text
    yield piece


def _homes(found: tuple[Route, ...], names: Names) -> Iterator[tuple[str, str]]:
    home = names.plain("own")
    yield f"~*^(?<{home}>[^ ]+) \\k<{home}>/", "1"
    yield f"~*^(?<{home}_tls>https://[^ ]+) \\k<{home}_tls>:443/", "1"
    yield f"~*^(?<{home}_plain>http://[^ ]+) \\k<{home}_plain>:80/", "1"
    kinds = {route.home.partition("*")[0].count("/") for route in found if "*" in route.home}
    if _IN_HOST in kinds:
        yield _pattern(f"{home}_host", "https?://[^ */]*", ""), "1"
    if kinds - {_IN_HOST}:
        yield _pattern(f"{home}_path", "https?://[^ */]+/[^ *]*", _STRAIGHT), "1"


_IN_HOST = 2
"""Slashes before the "*" of a bucket in the host; in the path there are more."""

_STRAIGHT = "(?!(?i:(?:[^?]*(?:/|%2f|%5c))?(?:\\.|%2e){1,2}(?:[/?;]|%2f|%5c|%3b|$)))"
"""Where the bucket is in the path, a "." or ".." behind it could lead to another."""


def _pattern(group: str, before: str, then: str) -> str:
    rest = f"{group}_rest"
    return f"~^(?<{group}>{before})\\*(?<{rest}>[^ *]+) \\k<{group}>{STAR}\\k<{rest}>{then}"


def _rows(names: Names) -> Iterator[tuple[str, str]]:
    to, through, rest = names.plain("to"), names.plain("through"), names.plain("suffix")
    for scheme, port in (("https", 443), ("http", 80)):
        kind, end = f"{to}_{scheme}", f"(?::{port})?$"
        yield (
            f"~* (?<{kind}>{scheme}://[^ =*]+)=(?<{through}_{scheme}>[a-z0-9_:/-]+) .*\\|\\k<{kind}>{end}",
            Raw(f"${through}_{scheme}"),
        )
        yield (
            f"~* {scheme}://\\*(?<{rest}_{scheme}>[^ =]+)= .*\\|{scheme}://[a-z0-9.-]+\\k<{rest}_{scheme}>{end}",
            names.var("base"),
        )
