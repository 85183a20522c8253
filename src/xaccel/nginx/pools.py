"""Keep connections to each origin and to each host of its redirects, and look up their addresses."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from xaccel.errors import ConfigError
from xaccel.nginx.emit import Directive, block, directive
from xaccel.nginx.includes import Names
from xaccel.nginx.transport import Route, Tls
from xaccel.site import Site
from xaccel.site.origins import S3Origin

Lookup = Callable[[str], tuple[str, ...]]
"""From "name:port" to "address:port", "[address]:port" for IPv6; empty where the name does not resolve."""

KEEPALIVE = 64
"""Idle connections to one origin that each worker keeps."""

RESOLV_CONF = Path("/etc/resolv.conf")

_AT_ONCE = 32
_PORT = re.compile(r":(?=[0-9]+$)")
_DEFAULT_PORT = {"http": "80", "https": "443"}


def upstreams(
    found: tuple[Route, ...], site: Site, names: Names, lookup: Lookup | None
) -> Iterator[Directive]:
    """Yield the pools of all origins. A variable host without one would open a connection for each download.

    `lookup` gives addresses instead of names; None leaves the names to NGINX, which then follows DNS.
    """
    pools = {pool(route, names): route.servers for route in found if route.pool == route.name}
    for led in leads(found, names).values():
        pools |= {lead.pool: (lead.server,) for lead in led if lead.pool is not None}
    if lookup is not None:
        lookup = all_at_once(lookup, chain.from_iterable(pools.values()))
    for name, servers in pools.items():
        yield block("upstream", name, inside=_pool(name, servers, site, lookup))


def _pool(name: str, servers: tuple[str, ...], site: Site, lookup: Lookup | None) -> Iterator[Directive]:
    if lookup is None and any(map(is_name, servers)):
        yield directive("zone", name, "64k")
        yield directive("resolver", *resolvers(site))
        yield directive("resolver_timeout", "5s")
    for server in servers:
        if lookup is None or not is_name(server):
            yield directive("server", server, *(["resolve"] if is_name(server) else []))
        elif found := lookup(server):
            why = f"{server}, looked up now; `xaccel refresh` follows DNS."
            yield from (directive("server", address, why="" if n else why) for n, address in enumerate(found))
        else:
            why = f"{server} did not resolve: NGINX returns 502 until `xaccel refresh` finds it."
            yield directive("server", "127.0.0.1:1", "down", why=why)
    yield directive("keepalive", KEEPALIVE)


def pool(route: Route, names: Names) -> str:
    """Name the pool of one origin."""
    return names.plain(f"to_{route.pool}")


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a redirect of an origin may lead.

    base: scheme and authority, without the scheme's own port; the host may be "*.suffix". pool: its upstream; None for
    a suffix, whose hosts are looked up for each transfer.
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
            name, port = _PORT.split(host) if _PORT.search(host) else (host, "")
            for scheme in ("https",) if route.scheme == "https" else ("https", "http"):
                own_port = _DEFAULT_PORT[scheme]
                base = f"{scheme}://{name}" if port in ("", own_port) else f"{scheme}://{name}:{port}"
                wanted = f"to_{route.name}_{index}_{scheme}"
                upstream = shared.setdefault((base, route.tls), names.plain(wanted))
                yield Lead(base, None if name.startswith("*.") else upstream, f"{name}:{port or own_port}")

    return {route.name: tuple(led(route)) for route in found}


def destination(route: Route, led: tuple[Lead, ...], names: Names) -> Iterator[str]:
    """Say where the URLs of one origin may lead, in pieces (engine/locations/accept.conf)."""
    yield f" home={route.home} peer={route.scheme}://{pool(route, names)}"
    if isinstance(route.origin, S3Origin) and route.origin.treat_403_as_404:
        yield " treat_403_as_404"
    yield from (f" {lead.base}={lead.peer}" for lead in led)


def resolvers(site: Site) -> tuple[str, ...]:
    """Return the DNS servers for NGINX: the site's, else the system's.

    Raises ConfigError where there is none.
    """
    if site.resolver:
        return site.resolver
    try:
        text = RESOLV_CONF.read_text(encoding="ascii", errors="replace")
    except OSError:
        text = ""
    found = re.findall(r"^[ \t]*nameserver[ \t]+([^\s%]+)", text, re.MULTILINE)
    if not found:
        raise ConfigError(
            "NGINX needs a DNS server and this system names none",
            where='XACCEL["RESOLVER"]',
            remedy='Give its address, for example ["127.0.0.53"].',
        )
    return tuple(f"[{address}]" if ":" in address else address for address in found)


def is_name(server: str) -> bool:
    """Tell whether "host:port" holds a name and not an address."""
    try:
        ipaddress.ip_address(server.rpartition(":")[0].strip("[]"))
    except ValueError:
        return True
    return False


def system_lookup(server: str) -> tuple[str, ...]:
    """Look "name:port" up as this system does, in a stable order.

    A system without IPv6 gets no IPv6 addresses (AI_ADDRCONFIG, RFC 3493): NGINX would try them in turn and fail.
    """
    name, _, port = server.rpartition(":")
    try:
        found = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except (OSError, UnicodeError):
        return ()
    hosts = sorted({str(info[4][0]) for info in found})
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts)


def all_at_once(lookup: Lookup, servers: Iterable[str]) -> Lookup:
    """Look all names among `servers` up at the same time: one by one, a thousand slow ones take minutes."""
    names = [server for server in dict.fromkeys(servers) if is_name(server)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(names, threads.map(lookup, names), strict=True)).__getitem__
