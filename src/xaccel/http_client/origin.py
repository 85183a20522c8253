"""Send requests to an origin as NGINX does: to the same addresses, with the same TLS options and redirects."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping, Sequence
from string import punctuation
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from xaccel.http_client.exchange import Exchange, Response, address_of, connection, send
from xaccel.site.origins import HTTPOrigin, RemoteOrigin
from xaccel.site.rules import is_address
from xaccel.urls import REDIRECTS

MAX_REDIRECTS = 4
"""NGINX allows ten changes of location in one request: the hand-off, a second try without Range and the error page
need the others (tests/live/origin/test_redirects.py)."""
DISGUISED = re.compile(
    r"(?i)(?:/|%(?:25)*(?:2f|5c))(?:\.|%(?:25)*2e){1,2}(?:[/;]|$|%(?:25)*(?:2f|5c|3b))"
    r"|%(?:25)*[0-9a-f]?%(?:25)*(?:3[0-9]|[46][1-6])"
)
"""The parts of a path that no redirect may have (engine/maps/3-where.conf, `$xaccel_has_dot_segments`)."""
_WRONG_ADDRESS = 64
"""OpenSSL's code (openssl/x509_vfy.h)."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ERROR_BYTES = 65536


def ask_origin(
    origin: RemoteOrigin,
    url: str,
    headers: Mapping[str, str] = MappingProxyType({}),
    own: Mapping[str, str] = MappingProxyType({}),
    *,
    method: str = "GET",
    body: bytes = b"",
    most_bytes: int = 1,
) -> list[Exchange]:
    """Return each exchange of `open_origin`. most_bytes: of the last response's body, except an error's."""
    seen: list[Exchange] = []
    try:
        with open_origin(origin, url, headers, own, method=method, body=body, seen=seen) as response:
            seen[-1].body = response.read_soon(most_bytes if response.status < 300 else _ERROR_BYTES)
    except (OSError, ValueError, http.client.HTTPException) as error:
        seen[-1].fail(error)
    return seen


def open_origin(
    origin: RemoteOrigin,
    url: str,
    headers: Mapping[str, str] = MappingProxyType({}),
    own: Mapping[str, str] = MappingProxyType({}),
    *,
    method: str = "GET",
    body: bytes = b"",
    seen: list[Exchange] | None = None,
) -> Response:
    """Send a request to an origin, and follow its redirects as NGINX does; return the last response, not read yet.

    It connects to the origin's `connect_to`, uses its TLS options, and follows redirects (at most MAX_REDIRECTS) with
    `headers`. The origin's fixed request headers and `own` go to the origin alone. seen: gets each exchange.

    Raises OSError, ValueError and http.client.HTTPException.
    """
    first, next_url, seen = urlsplit(url), url, [] if seen is None else seen
    fixed = origin.request_headers if isinstance(origin, HTTPOrigin) else {}
    length = {"content-length": str(len(body))} if method in ("POST", "PUT") else {}
    while True:
        there = urlsplit(next_url)
        at_home = _server(there) == _server(first)
        sent = {"Host": there.netloc, **headers, **length, **({**fixed, **own} if at_home else {})}
        seen.append(Exchange(method=method, url=next_url, sent=tuple(sent.items())))
        servers = [address_of(server) for server in origin.connect_to if at_home]
        response = send(origin_connection(origin, there.scheme, there.netloc, servers), seen[-1], body)
        location = response.headers.get("Location")
        if response.status < 300 or location is None:
            return response
        is_followed = response.status in REDIRECTS and len(seen) <= MAX_REDIRECTS
        if not is_followed or not (target := redirect_target(location, next_url, origin, first)):
            seen[-1].problem = "NGINX does not follow this redirect"
            return response
        response.close()
        next_url = target


def redirect_target(location: str, url: str, origin: RemoteOrigin, first: SplitResult) -> str | None:
    """Return the URL in the Location of the response to `url`; None if NGINX does not follow it.

    NGINX follows redirects to the server of the `first` URL and to the origin's redirect hosts.
    """
    try:
        target = urljoin(url, quote(location, punctuation, "iso-8859-1"))
        there = urlsplit(target)
        scheme, host, port = server = _server(there)
    except ValueError:
        return None
    # urljoin has removed the dot segments; NGINX refuses them.
    if DISGUISED.search(re.split("[?#]", location, maxsplit=1)[0]) or there.username is not None:
        return None
    default = f":{_DEFAULT_PORTS.get(scheme)}"
    authority = f"{host}:{port}".removesuffix(default)
    hosts = [allowed.removesuffix(default) for allowed in origin.redirect_hosts]
    suffixes = tuple(allowed[1:] for allowed in hosts if allowed.startswith("*."))
    is_named = authority in hosts or authority.endswith(suffixes)
    is_safe = scheme == "https" or scheme == first.scheme == "http"
    return target if server == _server(first) or (is_named and is_safe) else None


def _server(url: SplitResult) -> tuple[str, str, int]:
    host = url.hostname or ""
    return url.scheme, f"[{host}]" if ":" in host else host, url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def origin_connection(
    origin: RemoteOrigin, scheme: str, host: str, servers: Sequence[tuple[str, int]]
) -> Any:
    """Return a connection of http.client with the TLS options of an origin. Raises OSError for a missing file."""
    if scheme == "http":
        return connection(http.client.HTTPConnection, host, servers)
    context = ssl.create_default_context(cafile=origin.ca_file)
    # _TlsConnection compares addresses.
    context.check_hostname = origin.verify_tls and not is_address(urlsplit(f"//{host}").hostname or "")
    if not origin.verify_tls:
        context.verify_mode = ssl.CERT_NONE
    if origin.client_certificate is not None:
        context.load_cert_chain(origin.client_certificate, origin.client_key)
    return connection(_TlsConnection, host, servers, context=context)


class _TlsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        """Compare a certificate with an IP address as NGINX does: by names only, never by iPAddress entries."""
        super().connect()
        certificate = self.sock.getpeercert()
        if certificate and is_address(self.host) and self.host not in _certificate_names(certificate):
            self.close()
            text = f"NGINX does not accept the certificate for the IP address {self.host}: it compares DNS names only"
            raise ssl.SSLCertVerificationError(_WRONG_ADDRESS, text)


def _certificate_names(certificate: Mapping[str, Any]) -> list[str]:
    """Return the names that NGINX compares: no IP addresses."""
    # X509_check_host(3): the common name is used if there is no DNS name
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    return names or [value for kind, value in subject if kind == "commonName"]
