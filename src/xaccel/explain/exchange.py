"""Send requests: to a site as a client does, and to an origin as NGINX does, with the same addresses and TLS options.

No proxy of the environment is used.
"""

from __future__ import annotations

import http.client
import io
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from string import punctuation
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from xaccel.nginx.engine_files import FOLLOWED, MAX_REDIRECTS, crooked_paths
from xaccel.site.origins import HTTPOrigin, RemoteOrigin
from xaccel.site.rules import is_address

Pairs = tuple[tuple[str, str], ...]
CONNECT_S, TIMEOUT_S = 5.0, 30.0
"""NGINX waits as long for an origin."""
RESPONSE_S = 60.0
"""How long the head of a response may take, or a short body: a server could send single bytes without end."""
_HEAD_BYTES = 24576
"""NGINX accepts no larger head of an app (engine/app.conf), and 16 KB of an origin."""
WRONG_ADDRESS = 64
"""OpenSSL's code (openssl/x509_vfy.h)."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ERROR_BYTES = 65536
_until: ContextVar[float] = ContextVar("until", default=float("inf"))
_DISGUISED = re.compile("|".join(crooked_paths()), re.IGNORECASE)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Bound the time of all requests in the block together; one that is too late ends with TimeoutError."""
    token = _until.set(min(_until.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


def wait_s(most: float) -> float:
    """Return how long a step of a request may take now. Raises TimeoutError."""
    left = _until.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return min(most, left)


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
    verify: bool = True,
) -> Exchange:
    """Send one request as a client, to one of `servers` if given, and read the response.

    servers: host and port, or ("unix:/path", 0). most_bytes: of the body, which is kept; None: all of it is read, and
    not kept. verify: the certificate.
    """
    parts, seen = urlsplit(url), Exchange(method=method, url=url, sent=sent)
    kind: Any = http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        context.check_hostname = verify
        context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        kind = partial(http.client.HTTPSConnection, context=context)
    elif servers and servers[0][0].startswith("unix:"):
        kind = _UnixConnection
    try:
        with _send(connection(kind, parts.netloc, servers), seen) as response:
            if most_bytes is not None:
                seen.body = response.read_soon(most_bytes)
            while most_bytes is None and (block := response.read(65536)):
                seen.body_bytes += len(block)
            seen.lap("receive")
            if method != "HEAD" and response.length:
                seen.problem = f"{response.length} bytes of the body are missing"
    except (OSError, ValueError, http.client.HTTPException) as error:
        seen.fail(error)
    return seen


class HeadTooLarge(http.client.HTTPException):
    """NGINX responds with 502 to such a response."""


class Response(http.client.HTTPResponse):
    """A response whose head ends within RESPONSE_S. Its body may take as long as its bytes come."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.until = time.monotonic() + wait_s(RESPONSE_S)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), self))

    def begin(self) -> None:
        """Read the head. Raises HeadTooLarge for one that NGINX would not accept."""
        super().begin()
        self.until = math.inf
        if sum(len(name) + len(value) for name, value in self.getheaders()) > _HEAD_BYTES:
            raise HeadTooLarge("the head of the response is larger than NGINX accepts")

    def read_soon(self, most_bytes: int) -> bytes:
        """Return at most so many bytes of the body, which must come within RESPONSE_S."""
        self.until = time.monotonic() + wait_s(RESPONSE_S)
        return self.read(most_bytes)


class _Until(io.RawIOBase):
    """The bytes of a connection, until the time of its response is over."""

    def __init__(self, raw: io.RawIOBase, response: Response) -> None:
        self._raw, self._response = raw, response

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._response.until:
            raise TimeoutError("timed out: the response is not whole")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _send(made: Any, seen: Exchange) -> Response:
    """Send the request of `seen` on a new connection, which lasts until the response is closed."""
    try:
        made.connect()
        made.sock.settimeout(wait_s(TIMEOUT_S))
        seen.lap("connect")
        has_host = any(name.lower() == "host" for name, _ in seen.sent)
        parts = urlsplit(seen.url)
        target = f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
        made.putrequest(seen.method, target, skip_host=has_host, skip_accept_encoding=True)
        for name, value in seen.sent:
            made.putheader(name, value)
        made.endheaders()
        response: Response = made.getresponse()
    finally:
        if made.sock is not None:
            made.sock.close()  # the response reads on, and ends it
    seen.status, seen.came = response.status, tuple(response.getheaders())
    seen.lap("wait")
    return response


def connection(kind: Any, host: str, servers: Sequence[tuple[str, int]], **options: Any) -> Any:
    """Return a connection of http.client for `host`, which connects to the first of `servers` that accepts."""
    made = kind(host, timeout=wait_s(CONNECT_S), **options)
    made.response_class = Response
    if servers:
        # The one seam of http.client between the name for Host and TLS and the address to connect to.
        made._create_connection = partial(_connect_to, servers)
    return made


def _connect_to(servers: Sequence[tuple[str, int]], _: Any, *rest: Any) -> socket.socket:
    for server in servers[:-1]:
        with suppress(OSError):
            return open_socket(server, *rest)
    return open_socket(servers[-1], *rest)


def open_socket(server: tuple[str, int], timeout_s: float, *rest: Any) -> socket.socket:
    """Connect to a server of `fetch`. Raises OSError."""
    if not server[0].startswith("unix:"):
        return socket.create_connection(server, timeout_s, *rest)
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(timeout_s)
    try:
        made.connect(server[0].removeprefix("unix:"))
    except OSError:
        made.close()
        raise
    return made


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
    """Return each exchange of `open_origin`. most_bytes: of the last body, except an error's."""
    seen: list[Exchange] = []
    try:
        with open_origin(origin, url, headers, own, method=method, seen=seen) as response:
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
    seen: list[Exchange] | None = None,
) -> Response:
    """Send a request to an origin, and follow its redirects as NGINX does; return the last response, not read yet.

    It connects to the origin's `connect_to`, uses its TLS options, and follows redirects (at most MAX_REDIRECTS) with
    `headers`. The origin's fixed request headers and `own` go to the origin alone. seen: gets each exchange.

    Raises OSError, ValueError and http.client.HTTPException.
    """
    first, next_url, seen = urlsplit(url), url, [] if seen is None else seen
    fixed = origin.request_headers if isinstance(origin, HTTPOrigin) else {}
    while True:
        there = urlsplit(next_url)
        at_home = _place(there) == _place(first)
        sent = {"Host": there.netloc, **headers, **({**fixed, **own} if at_home else {})}
        seen.append(Exchange(method=method, url=next_url, sent=tuple(sent.items())))
        servers = [address_of(server) for server in origin.connect_to if at_home]
        response = _send(origin_connection(origin, there.scheme, there.netloc, servers), seen[-1])
        location = response.headers.get("Location")
        if response.status < 300 or location is None:
            return response
        is_followed = response.status in FOLLOWED and len(seen) <= MAX_REDIRECTS
        if not is_followed or not (led_to := target_of(location, next_url, origin, first)):
            seen[-1].problem = "NGINX does not follow this redirect"
            return response
        response.close()
        next_url = led_to


def target_of(location: str, url: str, origin: RemoteOrigin, first: SplitResult) -> str | None:
    """Return where the Location of the response to `url` leads; None for a place that the origin may not lead to.

    It may lead to the place of the `first` URL, and to its redirect hosts.
    """
    try:
        target = urljoin(url, quote(location, punctuation, "iso-8859-1"))
        there = urlsplit(target)
        scheme, host, port = place = _place(there)
    except ValueError:
        return None
    # urljoin has removed the dot segments; NGINX refuses them.
    if _DISGUISED.search(re.split("[?#]", location, maxsplit=1)[0]) or there.username is not None:
        return None
    default = f":{_DEFAULT_PORTS.get(scheme)}"
    authority = f"{host}:{port}".removesuffix(default)
    hosts = [allowed.removesuffix(default) for allowed in origin.redirect_hosts]
    suffixes = tuple(allowed[1:] for allowed in hosts if allowed.startswith("*."))
    is_named = authority in hosts or authority.endswith(suffixes)
    is_safe = scheme == "https" or scheme == first.scheme == "http"
    return target if place == _place(first) or (is_named and is_safe) else None


def _place(url: SplitResult) -> tuple[str, str, int]:
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
        if certificate and is_address(self.host) and self.host not in certificate_names(certificate):
            self.close()
            text = f"NGINX does not accept the certificate for the IP address {self.host}: it compares DNS names only"
            raise ssl.SSLCertVerificationError(WRONG_ADDRESS, text)


class _UnixConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = self._create_connection(None, self.timeout)  # type: ignore[attr-defined]  # see `connection`


def certificate_names(certificate: Mapping[str, Any]) -> list[str]:
    """Return the names that NGINX compares: no IP addresses."""
    # X509_check_host(3): the common name counts where there is no DNS name.
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    return names or [value for kind, value in subject if kind == "commonName"]
