"""Connections and requests to an origin as NGINX makes them, one step at a time."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request

from xaccel.explain.origin_request import certificate_names, is_address, opener, tls_context
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.buckets import covers_many
from xaccel.site.origins import HTTPOrigin, RemoteOrigin, S3Origin

TIMEOUT_S = 5.0
"""NGINX's own, to connect."""

_ALERTS = (
    "alert certificate required",
    "alert bad certificate",
    "alert handshake failure",
    "alert unknown ca",
)


@dataclass(frozen=True, slots=True)
class Remote:
    """An origin on the network. url: its base; servers: where NGINX connects."""

    name: str
    origin: RemoteOrigin
    url: str
    servers: tuple[tuple[str, int], ...]

    @property
    def host(self) -> str:
        """The name for TLS, without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_secure(self) -> bool:
        """True if the origin speaks TLS."""
        return urlsplit(self.url).scheme == "https"

    def __str__(self) -> str:
        return f"origin {self.name}"


def remotes(origins: Mapping[str, object]) -> Iterator[Remote]:
    """Yield the origins on the network, but not patterns of buckets, whose hosts are not known."""
    for name, origin in origins.items():
        if isinstance(origin, HTTPOrigin):
            url = origin.base_url
        elif isinstance(origin, S3Origin) and not covers_many(origin):
            url = resolve_endpoint(origin).base_url
        else:
            continue
        parts = urlsplit(url)
        own = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        servers = tuple(_address(server) for server in origin.connect_to) or (own,)
        yield Remote(name, origin, url, servers)


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)


def shake_hands(remote: Remote) -> dict[str, object]:
    """Return the certificate of an origin; empty where it is not checked.

    Raises ssl.SSLCertVerificationError as NGINX refuses it, and OSError.
    """
    context = tls_context(remote.origin)
    by_address = is_address(remote.host)
    context.check_hostname &= not by_address
    with (
        socket.create_connection(remote.servers[0], timeout=TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=remote.host) as secure,
    ):
        certificate: dict[str, object] = dict(secure.getpeercert() or {})
    if certificate and by_address and remote.host not in certificate_names(certificate):
        raise ssl.SSLCertVerificationError(62, f"NGINX does not compare the IP address {remote.host}")
    return certificate


def asks_for_certificate(remote: Remote) -> bool:
    """Tell whether an origin ends the connection for want of a client certificate.

    TLS 1.3 reports that after the handshake, mostly together with the end of the connection.
    """
    if not remote.is_secure:
        return False
    try:
        with (
            socket.create_connection(remote.servers[0], timeout=TIMEOUT_S) as plain,
            tls_context(remote.origin).wrap_socket(plain, server_hostname=remote.host) as secure,
        ):
            secure.recv(1)
    except ssl.SSLError as error:
        return any(alert in str(error) for alert in _ALERTS)
    except OSError:
        return False
    return False


def verify_code(error: ssl.SSLCertVerificationError) -> int:
    """Return OpenSSL's code: 9 and 10 are for the dates, 62 for the name (openssl/x509_vfy.h)."""
    return int(getattr(error, "verify_code", 0) or (error.errno or 0))


def ends_in_days(certificate: Mapping[str, object]) -> float | None:
    """Return the days that a certificate has left."""
    end = certificate.get("notAfter")
    return (ssl.cert_time_to_seconds(end) - time.time()) / 86400 if isinstance(end, str) else None


@dataclass(frozen=True, slots=True)
class Response:
    """The head of a response, and how long ago it was made by the clock of this machine, in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    behind_s: float | None


def ask(remote: Remote, url: str, headers: Mapping[str, str], method: str = "GET") -> Response:
    """Send one request as NGINX does; no redirect is followed that NGINX would not follow.

    Raises OSError and http.client.HTTPException.
    """
    request = Request(url, headers=dict(headers), method=method)  # noqa: S310
    try:
        with closing(opener(remote.origin, url, headers).open(request, timeout=TIMEOUT_S)) as answer:
            return _response(answer.status, answer.headers, answer.read(65536))
    except HTTPError as error:
        with error:
            return _response(error.code, error.headers, error.read(65536))
    except URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else OSError(str(error.reason)) from error


def _response(status: int, headers: Message, body: bytes) -> Response:
    behind = None
    if headers.get("Date"):
        try:
            behind = parsedate_to_datetime(headers["Date"]).timestamp() - time.time()
        except ValueError:
            behind = None
    return Response(status, {name.lower(): value for name, value in headers.items()}, body, behind)
