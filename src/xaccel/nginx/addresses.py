"""Addresses of origins, looked up in Python for an NGINX that cannot follow DNS itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

Lookup = Callable[[str], tuple[str, ...]]
"""From "name:port" to "address:port", "[address]:port" for IPv6; empty where the name does not resolve."""

_AT_ONCE = 32


def is_name(server: str) -> bool:
    """Tell whether "host:port" holds a name and not an address."""
    try:
        ipaddress.ip_address(server.rpartition(":")[0].strip("[]"))
    except ValueError:
        return True
    return False


def system_lookup(server: str) -> tuple[str, ...]:
    """Look "name:port" up as this system does, in a stable order.

    IPv6 addresses are left out where the system has no IPv6 address of its own (AI_ADDRCONFIG, RFC 3493): NGINX would
    try them in turn and fail.
    """
    name, _, port = server.rpartition(":")
    try:
        found = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except (OSError, UnicodeError):
        return ()
    hosts = sorted({str(info[4][0]) for info in found})
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts)


def all_at_once(lookup: Lookup, servers: Iterable[str]) -> Lookup:
    """Look all names among `servers` up, many at the same time, and return what was found as a lookup.

    One after the other, a thousand names that are slow to resolve would take minutes.
    """
    names = [server for server in dict.fromkeys(servers) if is_name(server)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(names, threads.map(lookup, names), strict=True)).__getitem__
