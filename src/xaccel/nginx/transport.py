"""Find the route and the TLS options of each origin, and group origins with the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from xaccel import urls
from xaccel.errors import ConfigError
from xaccel.nginx.emit import Directive, directive
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site import Site
from xaccel.site.buckets import without_bucket
from xaccel.site.origins import HTTPOrigin, LocalOrigin, RemoteOrigin, S3Origin
from xaccel.site.rules import is_pattern

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
"""Where systems keep the authorities they trust: Debian, Fedora, Alpine and BSD, SUSE."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What origins must share to be served by one fetch location: these directives take no variables."""

    ca_file: str | None = None
    verify: bool = True
    certificate: str | None = None
    key: str | None = None

    @property
    def own(self) -> bool:
        """Whether it differs from what other upstreams of the NGINX may have, in more than whom it trusts."""
        return bool(self.certificate) or not self.verify


@dataclass(frozen=True, slots=True)
class Route:
    """Where NGINX requests the objects of one origin.

    home: scheme and authority, as in Xaccel-Url; for a pattern of buckets the whole URL, with its "*".
    pool: the origin whose connections it uses: the first that is reached in the same way.
    """

    name: str
    origin: RemoteOrigin
    home: str
    scheme: str
    servers: tuple[str, ...]
    pool: str

    @property
    def tls(self) -> Tls:
        """The group of the origin; all plain HTTP origins are one."""
        if self.scheme == "http":
            return Tls()
        origin = self.origin
        return Tls(origin.ca_file, origin.verify_tls, origin.client_certificate, origin.client_key)

    @property
    def request_headers(self) -> dict[str, str]:
        """The fixed request headers, by their names in lower case."""
        given = self.origin.request_headers if isinstance(self.origin, HTTPOrigin) else {}
        return {name.lower(): value for name, value in given.items()}


def routes(site: Site) -> tuple[Route, ...]:
    """Return the route of each remote origin, in the site's order.

    Only origins with the same host, addresses and TLS options share connections: a connection whose certificate one
    origin accepts must not serve another that would not.

    Raises ConfigError as `resolve_endpoint` does.
    """
    found: list[Route] = []
    pools: dict[tuple[str, tuple[str, ...], Tls], str] = {}
    for name, origin in site.origins.items():
        if not isinstance(origin, LocalOrigin):
            route = _route(name, origin)
            authority = urls.authority(route.home)
            found.append(replace(route, pool=pools.setdefault((authority, route.servers, route.tls), name)))
    return tuple(found)


def _route(name: str, origin: RemoteOrigin) -> Route:
    if isinstance(origin, S3Origin):
        base, bucket = resolve_endpoint(origin).base_url, origin.bucket
    else:
        base, bucket = urls.canonical_base(origin.base_url), ""
    many = is_pattern(bucket)
    parts = urlsplit(without_bucket(base, bucket) if many else base)
    host = parts.hostname or ""
    address = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    servers = origin.connect_to or (f"{address}:{port}",)
    return Route(name, origin, base if many else urls.authority(base), parts.scheme, servers, pool=name)


@dataclass(frozen=True, slots=True)
class Group:
    """Origins that one fetch location serves; `location` is its name without stem."""

    location: str
    tls: Tls
    members: tuple[Route, ...]


def groups(found: tuple[Route, ...]) -> tuple[Group, ...]:
    """Return a group for each kind of transport that occurs, in the order of its first origin."""
    kinds: dict[Tls, list[Route]] = {}
    for route in found:
        kinds.setdefault(route.tls, []).append(route)
    return tuple(
        Group("fetch" if index == 0 else f"fetch_{index + 1}", kind, tuple(members))
        for index, (kind, members) in enumerate(kinds.items())
    )


def tls_directives(kind: Tls) -> Iterator[Directive]:
    """Print what origins trust and show, beside engine/locations/tls.conf, or tls-own.conf where `kind.own`."""
    if not kind.verify:
        why = "verify_tls is off: a man in the middle can change the files."
        yield directive("proxy_ssl_verify", "off", why=why)
    elif kind.own:
        yield directive("proxy_ssl_verify", "on")
    if kind.own:
        yield directive("proxy_ssl_certificate", kind.certificate or "")
        yield directive("proxy_ssl_certificate_key", kind.key or "")
    if kind.verify:
        yield directive("proxy_ssl_trusted_certificate", kind.ca_file or system_ca_file())


def system_ca_file() -> str:
    """Return the authorities that this system trusts. Raises ConfigError if there is none of CA_BUNDLES."""
    for path in CA_BUNDLES:
        if Path(path).is_file():
            return path
    raise ConfigError(
        "this system has no bundle of certificate authorities",
        where="ca_file",
        remedy="Install ca-certificates, or give the origin a ca_file.",
    )


def request_header_names(found: tuple[Route, ...]) -> tuple[str, ...]:
    """Return the names, lower case, of all fixed request headers."""
    return tuple(sorted({name for route in found for name in route.request_headers}))
