"""Send requests: to a site as a client does, and to an origin as NGINX does, with the same addresses and TLS options.

No proxy of the environment is used.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Self
from urllib.error import HTTPError, URLError
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

Pairs = tuple[tuple[str, str], ...]
CONNECT_S, TIMEOUT_S = 5.0, 30.0
"""NGINX waits as long for an origin."""
WRONG_ADDRESS = 64
"""OpenSSL's code (openssl/x509_vfy.h)."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ERROR_BYTES = 65536
_DISGUISED = re.compile("|".join(crooked_paths()), re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request and its response. status: 0 without a response. seconds: of each phase. error: what ended it."""

    method: str
    url: str
    sent: Pairs
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: int = 0
    came: Pairs = ()
    body: bytes = field(default=b"", repr=False)
    body_bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    problem: str = ""
    error: Exception | None = None
    _last: float = field(default_factory=time.monotonic)

    def lap(self, phase: str) -> None:
        """Note how long a phase took, which began where the one before ended."""
        now = time.monotonic()
        self.seconds[phase], self._last = now - self._last, now

    def header(self, name: str) -> str:
        """Return the values of a header of the response, joined; empty where there is none."""
        return ", ".join(value for key, value in self.came if key.lower() == name.lower())

    def fail(self, error: Exception) -> None:
        """Note what ended it."""
        self.error, self.problem = error, f"{type(error).__name__}: {error}"

    def completed(self) -> Self:
        """Return itself. Raises the error: OSError, ValueError or http.client.HTTPException."""
        if self.error is not None:
            raise self.error
        return self


def fetch(
    url: str,
    method: str,
    sent: Pairs,
    servers: Sequence[tuple[str, int]] = (),
    *,
    ca_file: str | None = None,
    most_bytes: int | None = None,
) -> Exchange:
    """Send one request as a client, to one of `servers` if given, and read the response.

    most_bytes: of the body, which is kept; None: all of it is read, and not kept.
    """
    parts, seen = urlsplit(url), Exchange(method=method, url=url, sent=sent)
    kind: Any = http.client.HTTPConnection
    if parts.scheme == "https":
        kind = partial(http.client.HTTPSConnection, context=ssl.create_default_context(cafile=ca_file))
    made = connection(kind, parts.netloc, servers, timeout=CONNECT_S)
    try:
        made.connect()
        made.sock.settimeout(TIMEOUT_S)
        seen.lap("connect")
        has_host = any(name.lower() == "host" for name, _ in sent)
        target = f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
        made.putrequest(method, target, skip_host=has_host, skip_accept_encoding=True)
        for name, value in sent:
            made.putheader(name, value)
        made.endheaders()
        response = made.getresponse()
        seen.status, seen.came = response.status, tuple(response.getheaders())
        seen.lap("wait")
        if most_bytes is not None:
            seen.body = response.read(most_bytes)
        while most_bytes is None and (block := response.read(65536)):
            seen.body_bytes += len(block)
        seen.lap("receive")
        if method != "HEAD" and response.length:
            seen.problem = f"{response.length} bytes of the body are missing"
    except (OSError, ValueError, http.client.HTTPException) as error:
        seen.fail(error)
    finally:
        made.close()
    return seen


def connection(kind: Any, host: str, servers: Sequence[tuple[str, int]], **options: Any) -> Any:
    """Return a connection of http.client for `host`, which connects to the first of `servers` that accepts."""
    made = kind(host, **options)
    if servers:
        # The one seam of http.client between the name for Host and TLS and the address to connect to.
        made._create_connection = partial(_connect_to, servers)
    return made


def _connect_to(servers: Sequence[tuple[str, int]], _: Any, *rest: Any) -> socket.socket:
    for server in servers[:-1]:
        with suppress(OSError):
            return socket.create_connection(server, *rest)
    return socket.create_connection(servers[-1], *rest)


def address_of(place: str) -> tuple[str, int]:
    """Return host and port of `host:port` or of a URL."""
    parts = urlsplit(place if "://" in place else f"//{place}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def ask_origin(
    origin: RemoteOrigin,
    url: str,
    headers: Mapping[str, str] = MappingProxyType({}),
    own: Mapping[str, str] = MappingProxyType({}),
    *,
    method: str = "GET",
    most_bytes: int = 1,
) -> list[Exchange]:
    """Send a request to an origin, and follow its redirects as NGINX does; return each exchange.

    headers: for redirect targets too. own: more, for the origin alone. most_bytes: of the last body, except an error's.
    """
    seen: list[Exchange] = []
    made = opener(origin, url, headers, own, seen)
    request = Request(url, headers={**headers, **own}, method=method)  # noqa: S310
    made.addheaders = []
    answer: Any
    try:
        try:
            answer = made.open(request, timeout=TIMEOUT_S)
        except HTTPError as error:
            answer, most_bytes = error, _ERROR_BYTES
            if error.headers.get("Location") is not None:
                seen[-1].problem = "NGINX does not follow this redirect"
        with closing(answer):
            seen[-1].body = answer.read(most_bytes)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        seen[-1].fail(reason if isinstance(reason, Exception) else error)
    return seen


def opener(
    origin: RemoteOrigin,
    target: str,
    headers: Mapping[str, str],
    own: Mapping[str, str] = MappingProxyType({}),
    seen: list[Exchange] | None = None,
) -> OpenerDirector:
    """Return what opens `target`, the URL of an object of `origin`.

    It connects to the origin's `connect_to`, uses its TLS options, and follows the redirects that NGINX follows, with
    `headers`. The origin's fixed request headers and `own` go to the origin alone. seen: gets each exchange.
    """
    made = OpenerDirector()
    redirects = Redirects(origin, target, headers, own)
    sender = _Sender(origin, target, [] if seen is None else seen)
    for handler in (sender, HTTPDefaultErrorHandler(), HTTPErrorProcessor(), redirects):
        made.add_handler(handler)
    return made


class Redirects(HTTPRedirectHandler):
    """Follows redirects as NGINX does: up to MAX_REDIRECTS, to the origin itself and to its redirect hosts."""

    max_redirections = MAX_REDIRECTS

    def __init__(
        self,
        origin: RemoteOrigin,
        target: str,
        headers: Mapping[str, str],
        own: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._origin, self._first, self._headers = origin, urlsplit(target), headers
        fixed = origin.request_headers if isinstance(origin, HTTPOrigin) else {}
        self._at_home = {**headers, **fixed, **own}

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
        sent = self._at_home if at_home else self._headers
        return Request(newurl, headers=dict(sent), method=req.get_method())  # noqa: S310

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


def origin_connection(
    origin: RemoteOrigin, scheme: str, host: str, servers: Sequence[tuple[str, int]], **options: Any
) -> Any:
    """Return a connection of http.client with the TLS options of an origin. Raises OSError for a missing file."""
    if scheme == "http":
        return connection(http.client.HTTPConnection, host, servers, **options)
    context = ssl.create_default_context(cafile=origin.ca_file)
    # _TlsConnection compares addresses.
    context.check_hostname = origin.verify_tls and not is_address(urlsplit(f"//{host}").hostname or "")
    if not origin.verify_tls:
        context.verify_mode = ssl.CERT_NONE
    if origin.client_certificate is not None:
        context.load_cert_chain(origin.client_certificate, origin.client_key)
    return connection(_TlsConnection, host, servers, context=context, **options)


class _Sender(AbstractHTTPHandler):
    def __init__(self, origin: RemoteOrigin, target: str, seen: list[Exchange]) -> None:
        super().__init__()
        self._origin, self._seen = origin, seen
        self._home = urlsplit(target).netloc, [address_of(server) for server in origin.connect_to]

    def http_open(self, req: Request) -> Any:
        sent = tuple((name.title(), value) for name, value in req.header_items())
        seen = Exchange(method=req.get_method(), url=req.full_url, sent=sent)
        self._seen.append(seen)
        response: Any = self.do_open(partial(self._connection, req.type), req)
        seen.status, seen.came = response.status, tuple(response.headers.items())
        seen.lap("wait")
        return response

    def _connection(self, scheme: str, host: str, **options: Any) -> Any:
        authority, servers = self._home
        return origin_connection(self._origin, scheme, host, servers if host == authority else [], **options)

    https_open = http_open
    http_request = https_request = AbstractHTTPHandler.do_request_


class _TlsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        """Compare a certificate with an IP address as NGINX does: by names only, never by iPAddress entries."""
        super().connect()
        certificate = self.sock.getpeercert()
        if certificate and is_address(self.host) and self.host not in certificate_names(certificate):
            self.close()
            text = f"NGINX does not accept the certificate for the IP address {self.host}: it compares DNS names only"
            raise ssl.SSLCertVerificationError(WRONG_ADDRESS, text)


def certificate_names(certificate: Mapping[str, Any]) -> list[str]:
    """Return the names that NGINX compares: no IP addresses."""
    # X509_check_host(3): the common name counts where there is no DNS name.
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    return names or [value for kind, value in subject if kind == "commonName"]
