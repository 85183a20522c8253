"""Generate NGINX's connections to the origins: upstreams, TLS options, addresses and redirects."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from xaccel import urls
from xaccel.handoff.places import base_url
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, LocalOrigin, RemoteOrigin, S3Origin
from xaccel.site.rules import is_address
from xaccel.site.setting import problem
from xaccel.tools.nginx.emit import Directive, Raw, block, directive, phrase

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
"""The authorities that Debian, Fedora, Alpine and BSD, and SUSE trust."""

Lookup = Callable[[str], tuple[str, ...]]
"""From "name:port" to "address:port", "[address]:port" for IPv6; empty where the name does not resolve."""

KEEPALIVE = 64
"""Idle connections to one origin that each worker keeps."""

RESOLV_CONF = Path("/etc/resolv.conf")

_AT_ONCE = 32
_LONGEST = 2000
"""Characters of one `set`; NGINX reads no value of 4096 bytes."""

_PORT = re.compile(r":(?=[0-9]+$)")
_DEFAULT_PORT = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS settings of one fetch location. Its origins share them: these directives take no variables."""

    ca_file: str | None = None
    verify: bool = True
    certificate: str | None = None
    key: str | None = None

    @property
    def own(self) -> bool:
        """Whether other upstreams of the NGINX may have other options, except for the authorities."""
        return bool(self.certificate) or not self.verify


@dataclass(frozen=True, slots=True)
class Pool:
    """An upstream of NGINX, with connections that are kept."""

    name: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Where NGINX requests the objects of one origin.

    home: scheme and authority, as in Xaccel-Url; for a pattern of buckets the whole URL, with its "*".
    tls: all plain HTTP origins have the same.
    redirects: where the origin may redirect, scheme and authority without the scheme's own port, and the pool of each.
        Hosts of "*.suffix" have none: they are looked up for each transfer.
    """

    name: str
    origin: RemoteOrigin
    home: str
    scheme: str
    tls: Tls
    pool: Pool
    redirects: Mapping[str, Pool | None]

    @property
    def request_headers(self) -> dict[str, str]:
        """The fixed request headers, by their names in lower case."""
        given = self.origin.request_headers if isinstance(self.origin, HTTPOrigin) else {}
        return {name.lower(): value for name, value in given.items()}


def routes(site: Site) -> tuple[Route, ...]:
    """Return the route of each remote origin, in the site's order.

    Only origins with the same host, addresses and TLS options share connections: a connection whose certificate one
    origin accepts must not serve another that would not.

    Raises ConfigError as `base_url` does.
    """
    found: list[Route] = []
    pools: dict[tuple[object, ...], Pool] = {}
    for name, origin in {**site.origins, **site.assembler}.items():
        if isinstance(origin, LocalOrigin):
            continue
        base = base_url(origin)
        bucket = origin.bucket if isinstance(origin, S3Origin) else ""
        home = base if "*" in bucket else urls.authority(base)
        scheme, netloc, *_ = urlsplit(base.replace(f"//{bucket}.", "//") if "*" in bucket else base)
        own = netloc if _PORT.search(netloc) else f"{netloc}:{_DEFAULT_PORT[scheme]}"
        servers, tls = origin.connect_to or (own,), Tls()
        if scheme == "https":
            tls = Tls(origin.ca_file, origin.verify_tls, origin.client_certificate, origin.client_key)
        pool_name = f"{site.stem}_to_{name}"
        pool = pools.setdefault((urls.authority(home), servers, tls), Pool(pool_name, servers))
        redirects = {
            place: None
            if "://*." in place
            else pools.setdefault((place, tls), Pool(f"{pool_name}_{ending}", (server,)))
            for place, server, ending in _redirects(origin, scheme)
        }
        found.append(Route(name, origin, home, scheme, tls, pool, redirects))
    return tuple(found)


def _redirects(origin: RemoteOrigin, scheme: str) -> Iterator[tuple[str, str, str]]:
    """Yield where an origin may redirect: scheme and authority, the server, and the end of its pool's name.

    An https origin may redirect to https only.
    """
    for index, host in enumerate(origin.redirect_hosts, start=1):
        name, port = _PORT.split(host) if _PORT.search(host) else (host, "")
        for allowed in ("https",) if scheme == "https" else ("https", "http"):
            own_port = _DEFAULT_PORT[allowed]
            authority = name if port in ("", own_port) else f"{name}:{port}"
            yield f"{allowed}://{authority}", f"{name}:{port or own_port}", f"{index}_{allowed}"


def groups(found: Sequence[Route]) -> dict[str, list[Route]]:
    """Return the origins that each fetch location serves, by its name without stem: those with the same TLS options."""
    kinds: dict[Tls, list[Route]] = {}
    for route in found:
        kinds.setdefault(route.tls, []).append(route)
    return {
        "fetch" if number == 1 else f"fetch_{number}": members
        for number, members in enumerate(kinds.values(), start=1)
    }


def tls_directives(kind: Tls) -> Iterator[Directive]:
    """Yield the authorities and the client certificate: engine/locations/tls.conf or tls-own.conf has the rest.

    Raises ConfigError if `ca_file` is needed, because none of CA_BUNDLES exists.
    """
    if not kind.verify:
        why = "verify_tls is off: a man in the middle can change the files."
        yield directive("proxy_ssl_verify", "off", why=why)
    elif kind.own:
        yield directive("proxy_ssl_verify", "on")
    if kind.own:
        yield directive("proxy_ssl_certificate", kind.certificate or "")
        yield directive("proxy_ssl_certificate_key", kind.key or "")
    if kind.verify:
        trusted = kind.ca_file or next((path for path in CA_BUNDLES if Path(path).is_file()), None)
        if trusted is None:
            raise problem("ca_file", "no_authorities")
        yield directive("proxy_ssl_trusted_certificate", trusted)


def request_header_names(found: Iterable[Route]) -> list[str]:
    """Return the names, lower case, of all fixed request headers."""
    return sorted({name for route in found for name in route.request_headers})


def upstreams(found: Sequence[Route], site: Site, lookup: Lookup | None) -> Iterator[Directive]:
    """Yield the pools of all origins. A variable host without one would open a connection for each download.

    `lookup` gives addresses instead of names; None leaves the names to NGINX, which then follows DNS.
    """
    for pool in _pools(found):
        yield block("upstream", pool.name, inside=_upstream(pool, site, lookup))


def _pools(found: Sequence[Route]) -> Iterable[Pool]:
    redirects = chain.from_iterable(route.redirects.values() for route in found)
    return dict.fromkeys([*(route.pool for route in found), *filter(None, redirects)])


def names_of(found: Sequence[Route]) -> list[str]:
    """Return the "name:port" of all pools, each once."""
    servers = chain.from_iterable(pool.servers for pool in _pools(found))
    return [server for server in dict.fromkeys(servers) if is_name(server)]


def _upstream(pool: Pool, site: Site, lookup: Lookup | None) -> Iterator[Directive]:
    if lookup is None and any(map(is_name, pool.servers)):
        yield directive("zone", pool.name, "64k")
        yield directive("resolver", *resolvers(site))
        yield directive("resolver_timeout", "5s")
    for server in pool.servers:
        if lookup is None or not is_name(server):
            yield directive("server", server, *(["resolve"] if is_name(server) else []))
        elif found := lookup(server):
            why = f"{server}, looked up now; `xaccel refresh` follows DNS."
            yield from (directive("server", address, why="" if n else why) for n, address in enumerate(found))
        else:
            why = f"{server} did not resolve: NGINX returns 502 until `xaccel refresh` finds it."
            yield directive("server", "127.0.0.1:1", "down", why=why)
    yield directive("keepalive", KEEPALIVE)


def destination(route: Route) -> Iterator[str]:
    """Yield the settings of an origin that name the servers of its URLs (engine/locations/accept.conf)."""
    yield f" home={route.home} peer={route.scheme}://{route.pool.name}"
    if isinstance(route.origin, S3Origin) and route.origin.treat_403_as_404:
        yield " treat_403_as_404"
    for place, pool in route.redirects.items():
        scheme = place.partition("://")[0]
        yield f" {place}={f'{scheme}://{pool.name}' if pool else ''}"


def placed(variable: str, start: str, settings: Iterable[str]) -> Iterator[Directive]:
    """Yield directives that set a variable to a start and settings of an origin: one `set` takes no long text."""
    texts = [start]
    for text in settings:
        if len(texts[-1]) + len(text) > _LONGEST:
            texts.append(variable)
        texts[-1] += text
    return (directive("set", Raw(variable), phrase(text)) for text in texts)


def resolvers(site: Site) -> tuple[str, ...]:
    """Return the DNS servers for NGINX: the site's, else the system's.

    Raises ConfigError if there is none.
    """
    if site.resolver:
        return site.resolver
    try:
        text = RESOLV_CONF.read_text(encoding="ascii", errors="replace")
    except OSError:
        text = ""
    found = re.findall(r"^[ \t]*nameserver[ \t]+([^\s%]+)", text, re.MULTILINE)
    if not found:
        raise problem('XACCEL["RESOLVER"]', "no_resolver")
    return tuple(f"[{address}]" if ":" in address else address for address in found)


def is_name(server: str) -> bool:
    """Tell whether "host:port" holds a name and not an address."""
    return not is_address(server.rpartition(":")[0])


WRITTEN = re.compile(r"# (\S+:\d+)(?:, looked up now;| did not resolve:)[^\n]*\n((?: *server [^;\n]*;\n)+)")
"""In a configuration: a server of an origin, and the addresses that were looked up for it."""


def written_addresses(configuration: str) -> dict[str, tuple[str, ...]]:
    """Return the addresses in a configuration, by the "name:port" that they were looked up for."""
    return {
        server: tuple(re.findall(r"server (\S+);", lines)) for server, lines in WRITTEN.findall(configuration)
    }


def system_lookup(
    server: str, written: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> tuple[str, ...]:
    """Look "name:port" up as this system does, in a stable order.

    While DNS does not respond, the addresses in `written` stay, as with NGINX's own `resolve`; those of a name that DNS
    does not know may be another user's.

    A system without IPv6 gets no IPv6 addresses (AI_ADDRCONFIG, RFC 3493): NGINX would try them in turn and fail.
    """
    name, _, port = server.rpartition(":")
    try:
        found = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except (OSError, UnicodeError) as error:
        is_for_now = isinstance(error, OSError) and error.errno == socket.EAI_AGAIN
        return written.get(server, ()) if is_for_now else ()
    hosts = sorted({str(info[4][0]) for info in found})
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts)


def all_at_once(lookup: Lookup, names: Sequence[str]) -> Lookup:
    """Look all names up at the same time: one by one, a thousand slow ones take minutes."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(names, threads.map(lookup, names), strict=True)).__getitem__
