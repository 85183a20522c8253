"""Send requests to an origin as NGINX does: same addresses, TLS options and redirects, and no proxy."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit
from urllib.request import (
    AbstractHTTPHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    OpenerDirector,
    Request,
)

from xaccel.nginx.engine_files import MAX_REDIRECTS, crooked_paths
from xaccel.site.origins import HTTPOrigin, RemoteOrigin
from xaccel.site.rules import is_address

_DEFAULT_PORTS = {"http": 80, "https": 443}
WRONG_ADDRESS = 64
"""OpenSSL's code (openssl/x509_vfy.h)."""
_DISGUISED = re.compile("|".join(crooked_paths()), re.IGNORECASE)


def opener(origin: RemoteOrigin, target: str, headers: Mapping[str, str]) -> OpenerDirector:
    """Return what opens `target`, the URL of an object of `origin`.

    It connects to the origin's `connect_to`, uses its TLS options, and follows the redirects that NGINX follows, with
    `headers`; the origin's fixed request headers go to the origin alone.
    """
    made = OpenerDirector()
    redirects = Redirects(origin, target, headers)
    for handler in (_Sender(origin, target), HTTPDefaultErrorHandler(), HTTPErrorProcessor(), redirects):
        made.add_handler(handler)
    return made


class Redirects(HTTPRedirectHandler):
    """Follows redirects as NGINX does: up to MAX_REDIRECTS, to the origin itself and to its redirect hosts."""

    max_redirections = MAX_REDIRECTS

    def __init__(self, origin: RemoteOrigin, target: str, headers: Mapping[str, str]) -> None:
        self._origin, self._first, self._headers = origin, urlsplit(target), headers

    def redirect_request(  # noqa: PLR0917
        self, req: Request, fp: Any, code: Any, msg: Any, headers: Any, newurl: str
    ) -> Request | None:
        """Return the next request, or None for a place that the origin may not lead to."""
        try:
            there = urlsplit(newurl)
            at_home = _place(there) == _place(self._first)
        except ValueError:
            # An error from here would leave the answer, and its socket, open.
            return None
        # urllib has removed the dot segments of `newurl`; NGINX refuses them.
        disguised = _DISGUISED.search(re.split("[?#]", headers.get("Location", ""), maxsplit=1)[0])
        if disguised or there.username is not None or not (at_home or self._may_lead_to(there)):
            return None
        fixed = self._origin.request_headers if at_home and isinstance(self._origin, HTTPOrigin) else {}
        return Request(newurl, headers={**self._headers, **fixed}, method=req.get_method())  # noqa: S310

    def _may_lead_to(self, there: SplitResult) -> bool:
        if there.scheme not in _DEFAULT_PORTS or self._first.scheme == "https" != there.scheme:
            return False
        scheme, host, port = _place(there)
        default = f":{_DEFAULT_PORTS[scheme]}"
        authority = f"{host}:{port}".removesuffix(default)
        hosts = [allowed.removesuffix(default) for allowed in self._origin.redirect_hosts]
        return authority in hosts or any(
            authority.endswith(host[1:]) for host in hosts if host.startswith("*.")
        )


def _place(url: SplitResult) -> tuple[str, str, int]:
    host = url.hostname or ""
    return url.scheme, f"[{host}]" if ":" in host else host, url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def tls_context(origin: RemoteOrigin) -> ssl.SSLContext:
    """Return the TLS options of an origin. Raises OSError for a file that cannot be read."""
    context = ssl.create_default_context(cafile=origin.ca_file)
    if not origin.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if origin.client_certificate is not None:
        context.load_cert_chain(origin.client_certificate, origin.client_key)
    return context


class _Sender(AbstractHTTPHandler):
    def __init__(self, origin: RemoteOrigin, target: str) -> None:
        super().__init__()
        self._origin = origin
        self._home = urlsplit(target).netloc, [address_of(server) for server in origin.connect_to]

    def http_open(self, req: Request) -> Any:
        return self.do_open(partial(self._connection, http.client.HTTPConnection), req)

    def https_open(self, req: Request) -> Any:
        context = tls_context(self._origin)
        # _TlsConnection compares addresses.
        context.check_hostname &= not is_address(urlsplit(req.full_url).hostname or "")
        return self.do_open(partial(self._connection, partial(_TlsConnection, context=context)), req)

    def _connection(self, kind: Any, host: str, **options: Any) -> Any:
        authority, servers = self._home
        return connection(kind, host, servers if host == authority else [], **options)

    http_request = https_request = AbstractHTTPHandler.do_request_


class _TlsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        try:
            require_name(self.sock.getpeercert() or {}, self.host)
        except ssl.SSLCertVerificationError:
            self.close()
            raise


def require_name(certificate: Mapping[str, Any], host: str) -> None:
    """Compare a certificate with an IP address as NGINX does: by names only, never by iPAddress entries.

    Raises ssl.SSLCertVerificationError.
    """
    if certificate and is_address(host) and host not in certificate_names(certificate):
        text = f"NGINX does not accept the certificate for the IP address {host}: it compares DNS names only"
        raise ssl.SSLCertVerificationError(WRONG_ADDRESS, text)


def certificate_names(certificate: Mapping[str, Any]) -> list[str]:
    """Return the names that NGINX compares: no IP addresses."""
    # X509_check_host(3): the common name counts where there is no DNS name.
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    return names or [value for kind, value in subject if kind == "commonName"]


def address_of(server: str) -> tuple[str, int]:
    """Return host and port of `host:port`."""
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


def connection(kind: Any, host: str, servers: Sequence[tuple[str, int]], **options: Any) -> Any:
    """Return a connection of http.client for `host`, which connects to the first of `servers` that accepts."""
    made = kind(host, **options)
    if servers:
        # The one seam of http.client between the name for Host and TLS and the address to connect to.
        made._create_connection = partial(_connect_to, servers)
    return made


def _connect_to(servers: Sequence[tuple[str, int]], _: Any, *rest: Any) -> socket.socket:
    for server in servers:
        try:
            return socket.create_connection(server, *rest)
        except OSError:
            if server == servers[-1]:
                raise
    raise OSError("no server")
