"""One step of a transfer: the first request to an origin, or the next one after a redirect.

The app's URL and each Location are taken apart by the same maps, and go out only where the origin may lead.
"""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx import peers
from xaccel.nginx.emit import Directive, Raw, phrase
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names
from xaccel.nginx.transport import Route

MAX_REDIRECTS = 4
"""NGINX allows ten changes of location in one request: the hand-off, the entry, a second try without Range and the
error page need the others (tests/live/test_redirects.py)."""

FOLLOWED = (301, 302, 303, 307, 308)

_CHAR = "[!$-\\[\\]-~]"
_IN_AUTHORITY = "[!$-.0->@-\\[\\]-~]"
_FRAGMENT = "(?:#[ -~]*)?$"
_SEGMENT = "[A-Za-z0-9._~%!$&'()*+,;=@-]+"

_PERCENT = "%(?:25)*"
DOT_SEGMENT = f"(?:/|{_PERCENT}(?:2f|5c))(?:\\.|{_PERCENT}2e){{1,2}}(?:[/;]|$|{_PERCENT}(?:2f|5c|3b))"
"""A "." or ".." in a path, however often encoded and with or without a ";parameter", as `target.below` refuses it."""
ENCODED_DIGIT = f"{_PERCENT}[0-9a-f]?{_PERCENT}(?:3[0-9]|[46][1-6])"
"""A percent-encoded digit of a percent-encoding: nothing but a disguise, for a dot segment among others."""


def maps(found: tuple[Route, ...], names: Names) -> Iterator[Directive]:
    """Print where a step goes, or why it is refused.

    The first step has maps of its own, which ask nothing of redirects: NGINX works a volatile map out at each use, and
    `set` uses its value twice.
    """
    yield volatile_map(
        names.var("asked"),
        names.var("hop"),
        ("", ""),
        default=names.var("redirected"),
        why="Whether this step follows a redirect.",
    )
    yield volatile_map(
        names.var("origin_status"),
        names.var("redirected"),
        *((str(status), "x") for status in FOLLOWED),
    )
    yield from _parts(names)
    yield from _next(names)
    yield from peers.maps(found, names)
    yield from _refusal(names)


def _parts(names: Names) -> Iterator[Directive]:
    url = names.var("url")

    def part(name: str, pattern: str, *, why: str = "") -> Directive:
        capture = names.plain(f"in_{name}")
        return volatile_map(
            url, names.var(name), (pattern.replace("?<>", f"?<{capture}>"), Raw(f"${capture}")), why=why
        )

    authority = "(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:.]+\\])(?::[0-9]{1,5})?"
    yield part(
        "base",
        f"~*^(?<>https?://{authority})/",
        why="The URL of a step, taken apart: printable ASCII without blank, quote, '#' and backslash, which could"
        " change the request line; no user information.",
    )
    yield part("path", f"~*^https?://{authority}(?<>/{_CHAR}*)$")
    yield part("scheme", "~*^(?<>https?:)//")
    yield part("host", f"~*^https?://(?<>{authority})/")
    yield part("tls_name", "~*^https?://\\[?(?<>[a-z0-9.-]+|[0-9a-f:.]+)\\]?(?::[0-9]+)?/")
    yield part("file", "~*^https?://[^/]+(?<>/[^?]*)")
    yield part("dir", "~*^https?://[^/]+(?<>/(?:[^?]*/)?)")


def _next(names: Names) -> Iterator[Directive]:
    target, query = names.plain("target"), names.plain("target_query")

    def bare(pattern: str, before: str) -> tuple[str, str]:
        rest = f"(?<{query}>(?:\\?{_CHAR}*?)?)"
        found = f"~*^x {pattern.replace('?<>', f'?<{target}>')}{rest}{_FRAGMENT}"
        return found, phrase(f"{before}${target}/${query}")

    def row(pattern: str, before: str) -> tuple[str, str]:
        return f"~*^x {pattern.replace('?<>', f'?<{target}>')}{_FRAGMENT}", phrase(f"{before}${target}")

    yield volatile_map(
        names.var("asked"),
        names.var("next"),
        ("", names.var("url")),
        default=names.var("led_to"),
        why="Where a step goes: first what the app gave, then the origin's Location (RFC 3986 section 4.2), without"
        ' its fragment. An empty path is "/".',
    )
    yield volatile_map(
        phrase(f"{names.var('redirected')} $upstream_http_location"),
        names.var("led_to"),
        ("~^ ", names.var("url")),
        bare(f"(?<>https?://{_IN_AUTHORITY}+)", ""),
        bare(f"(?<>//{_IN_AUTHORITY}+)", names.var("scheme")),
        row(f"(?<>https?://{_CHAR}+?)", ""),
        row(f"(?<>//[^/]{_CHAR}*?)", names.var("scheme")),
        row(f"(?<>/{_CHAR}*?)", names.var("base")),
        row(f"(?<>\\?{_CHAR}*?)", f"{names.var('base')}{names.var('file')}"),
        row(f"(?<>{_SEGMENT}(?:[/?]{_CHAR}*?)?)", f"{names.var('base')}{names.var('dir')}"),
    )


def _refusal(names: Names) -> Iterator[Directive]:
    yield volatile_map(
        names.var("asked"),
        names.var("refusal"),
        ("", names.var("first_refusal")),
        default=names.var("next_refusal"),
        why="Why a step is not taken; empty where it is.",
    )
    yield volatile_map(
        phrase(f"{names.var('at_home')}|{names.var('path')}"),
        names.var("first_refusal"),
        ("~^1\\|/", ""),
        default="url_refused",
    )
    yield volatile_map(names.var("path"), names.var("path_ok"), ("", ""), default="1")
    yield volatile_map(names.var("peer"), names.var("peer_ok"), ("", ""), default="1")
    yield volatile_map(
        names.var("file"),
        names.var("straight"),
        (f"~*{DOT_SEGMENT}", ""),
        (f"~*{ENCODED_DIGIT}", ""),
        default="1",
    )
    yield volatile_map(
        phrase(
            f"{names.var('hop')}|{names.var('hops')}|{names.var('path_ok')}|{names.var('at_home')}|"
            f"{names.var('peer_ok')}|{names.var('straight')}|$upstream_http_location"
        ),
        names.var("next_refusal"),
        ("~^\\|[^|]*\\|1\\|1\\|", ""),
        ("~^\\|", "url_refused"),
        (f"~^x\\|{'x' * (MAX_REDIRECTS + 1)}", "too_many_redirects"),
        ("~\\|$", "redirect_without_location"),
        ("~^x\\|[^|]*\\|1\\|[^|]*\\|1\\|1\\|", ""),
        default="redirect_refused",
    )
