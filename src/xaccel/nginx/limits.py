"""How fast one transfer goes, and how many there are at once for one subject or key."""

from __future__ import annotations

from collections.abc import Iterator

from xaccel.nginx.emit import Directive, directive, phrase
from xaccel.nginx.map_block import volatile_map
from xaccel.nginx.names import Names
from xaccel.options import UNLIMITED
from xaccel.site import DEFAULT_CLASS, Site

_ZONE = "10m"
"""Memory that is taken as it is used. It holds 160,000 keys of up to 28 bytes, 80,000 of up to 92 and 20,000 of up to
255 that have a transfer at the same time; then a key that is not in it gets 429 (tests/live/test_limits.py)."""


def maps(site: Site, names: Names) -> Iterator[Directive]:
    """Print what the app chose, or the site's default; and the zones that count."""
    why = "How fast a transfer goes: as the app said, else as the site says; 0 is not limited."
    for header, default in (("rate", site.limit_rate or 0), ("rate_after", site.limit_rate_after)):
        yield volatile_map(
            names.var(header),
            names.var(f"limit_{header}"),
            ("~^[0-9]{1,18}$", names.var(header)),
            default=default,
            why=why,
        )
        why = ""
    if site.concurrency:
        yield from _counting(site, names)


def _counting(site: Site, names: Names) -> Iterator[Directive]:
    yield volatile_map(
        names.var("concurrency_key"),
        names.var("counted_for"),
        ("", names.var("subject")),
        default=names.var("concurrency_key"),
        why="Transfers at once, counted by this NGINX alone, for the subject unless the app gave another key. Each"
        " class has its own number and zone; a transfer is counted where its key is not empty. A class that this text"
        " does not know counts as the default one.",
    )
    for name in site.concurrency:
        others = [(f"~^{other}\\|", "") for other in (*site.concurrency, UNLIMITED) if other != name]
        rows = [*others, ("~\\|.", names.var("counted_for"))]
        if name != DEFAULT_CLASS:
            rows = [(f"~^{name}\\|.", names.var("counted_for"))]
        yield volatile_map(
            phrase(f"{names.var('concurrency')}|{names.var('counted_for')}"),
            names.var(f"counted_{name}"),
            *rows,
        )
        yield directive(
            "limit_conn_zone", names.var(f"counted_{name}"), f"zone={names.plain(f'at_once_{name}')}:{_ZONE}"
        )


def in_location(site: Site, names: Names) -> Iterator[Directive]:
    """Print the limits in a location that sends."""
    why = (
        "Counts for this NGINX alone. A limit_conn of your own on an outer level is counted first, and then NGINX"
        " counts no other: these lines do nothing, unless the key of yours is empty for the app's location. Where it"
        " is, these lines count and yours does not."
    )
    for name, number in site.concurrency.items():
        yield directive("limit_conn", names.plain(f"at_once_{name}"), number, why=why)
        why = ""
    if site.concurrency:
        yield directive("limit_conn_status", "429")
        yield directive("limit_conn_dry_run", "off")
    yield directive("limit_rate", names.var("limit_rate"))
    yield directive("limit_rate_after", names.var("limit_rate_after"))
