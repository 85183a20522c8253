"""The connections that NGINX keeps to each origin and to each host that its redirects may lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from xaccel.errors import ConfigError
from xaccel.nginx.addresses import Lookup, all_at_once, is_name
from xaccel.nginx.emit import Directive, Raw, block, directive, phrase
from xaccel.nginx.names import Names
from xaccel.nginx.transport import Route, Tls
from xaccel.site import Site

KEEPALIVE = 64
"""Idle connections to one origin that each worker keeps."""

RESOLV_CONF = Path("/etc/resolv.conf")

_DEFAULT_PORT = {"http": "80", "https": "443"}


def upstreams(
    found: tuple[Route, ...], site: Site, names: Names, lookup: Lookup | None
) -> Iterator[Directive]:
    """Print the pools of all origins. A variable host without one would open a connection for each download.

    `lookup` writes addresses instead of names; None leaves the names to NGINX, which then follows DNS.
    """
    pools = {pool(route, names): route.servers for route in found if route.pool == route.name}
    for led in leads(found, names).values():
        pools |= {lead.pool: (lead.server,) for lead in led if lead.pool is not None}
    if lookup is not None:
        lookup = all_at_once(lookup, chain.from_iterable(pools.values()))
    for name, servers in pools.items():
        yield _upstream(name, servers, site, lookup)


def _upstream(name: str, servers: tuple[str, ...], site: Site, lookup: Lookup | None) -> Directive:
    inside: list[Directive] = []
    if lookup is None and any(is_name(server) for server in servers):
        inside += [
            directive("zone", name, "64k"),
            directive("resolver", *resolvers(site)),
            directive("resolver_timeout", "5s"),
        ]
    for server in servers:
        if not is_name(server):
            inside.append(directive("server", server))
        elif lookup is None:
            inside.append(directive("server", server, "resolve"))
        else:
            inside += _addresses(server, lookup)
    return block(
        "upstream",
        name,
        inside=[*inside, directive("keepalive", KEEPALIVE)],
    )


def _addresses(server: str, lookup: Lookup) -> Iterator[Directive]:
    found = lookup(server)
    if not found:
        yield directive(
            "server",
            "127.0.0.1:1",
            "down",
            why=f"{server} did not resolve: NGINX returns 502 until `xaccel refresh` finds it.",
        )
    why = f"{server}, looked up now; `xaccel refresh` follows DNS."
    for address in found:
        yield directive("server", address, why=why)
        why = ""


def pool(route: Route, names: Names) -> str:
    """Name the pool of one origin."""
    return names.plain(f"to_{route.pool}")


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a redirect of an origin may lead.

    base: scheme and authority, without the scheme's own port; the host may be "*.suffix". pool: its upstream; None
    where the host is only known by a suffix, and is looked up for each transfer.
    """

    base: str
    pool: str | None
    server: str

    @property
    def peer(self) -> str:
        """What NGINX passes to; empty for a suffix."""
        return "" if self.pool is None else f"{self.base.partition('://')[0]}://{self.pool}"


def leads(found: tuple[Route, ...], names: Names) -> dict[str, tuple[Lead, ...]]:
    """Return where each origin may lead, by its name; an https origin leads to https only.

    Origins with the same way of TLS share the connections to one host.
    """
    shared: dict[tuple[str, Tls], str] = {}

    def led(route: Route) -> Iterator[Lead]:
        for index, host in enumerate(route.origin.redirect_hosts, start=1):
            name, _, port = host.rpartition(":") if _has_port(host) else (host, "", "")
            for scheme in ("https",) if route.scheme == "https" else ("https", "http"):
                own_port = _DEFAULT_PORT[scheme]
                base = f"{scheme}://{name}" if port in ("", own_port) else f"{scheme}://{name}:{port}"
                wanted = f"to_{route.name}_{index}_{scheme}"
                yield Lead(
                    base=base,
                    pool=None
                    if name.startswith("*.")
                    else shared.setdefault((base, route.tls), names.plain(wanted)),
                    server=f"{name}:{port or own_port}",
                )

    return {route.name: tuple(led(route)) for route in found}


_LONGEST = 2000
"""Characters of one `set`; NGINX reads no value of 4096 bytes."""


def destination(route: Route, led: tuple[Lead, ...], names: Names) -> Iterator[Directive]:
    """Print where the URLs of one origin may lead (engine/maps/3-where.conf)."""
    yield directive("set", Raw("$xaccel_home"), route.home)
    yield directive("set", Raw("$xaccel_home_peer"), f"{route.scheme}://{pool(route, names)}")
    piece = ""
    for text in (f" {lead.base}={lead.peer}" for lead in led):
        if len(piece) + len(text) > _LONGEST:
            yield directive("set", Raw("$xaccel_leads"), phrase(piece))
            piece = "$xaccel_leads"
        piece += text
    if piece:
        yield directive("set", Raw("$xaccel_leads"), phrase(piece))


def _has_port(host: str) -> bool:
    return re.search(r":[0-9]+$", host) is not None and not re.fullmatch(r"\[[^\]]*\]", host)


def resolvers(site: Site) -> tuple[str, ...]:
    """Return the DNS servers for NGINX: the site's, else the system's.

    Raises ConfigError where there is none.
    """
    if site.resolver:
        return site.resolver
    try:
        lines = RESOLV_CONF.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    found = [
        words[1].partition("%")[0]
        for line in lines
        if (words := line.split())[:1] == ["nameserver"] and words[1:]
    ]
    if not found:
        raise ConfigError(
            "NGINX needs a DNS server and this system names none",
            where='XACCEL["RESOLVER"]',
            remedy='Give its address, for example ["127.0.0.53"].',
        )
    return tuple(f"[{address}]" if ":" in address else address for address in found)
