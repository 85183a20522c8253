"""Connections and requests to an origin as NGINX makes them, one step at a time."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request

from xaccel.doctor.front_door import Reply
from xaccel.explain.origin_request import address_of, opener, require_name, tls_context
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.origins import HTTPOrigin, RemoteOrigin, S3Origin, covers_many
from xaccel.site.rules import is_address

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
        yield Remote(name, origin, url, tuple(map(address_of, origin.connect_to)) or (own,))


@contextmanager
def _tls(remote: Remote) -> Iterator[ssl.SSLSocket]:
    context = tls_context(remote.origin)
    context.check_hostname &= not is_address(remote.host)
    with (
        socket.create_connection(remote.servers[0], timeout=TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=remote.host) as secure,
    ):
        yield secure


def shake_hands(remote: Remote) -> dict[str, object]:
    """Return the certificate of an origin; empty where it is not checked.

    Raises ssl.SSLCertVerificationError as NGINX refuses it, and OSError.
    """
    with _tls(remote) as secure:
        certificate: dict[str, object] = dict(secure.getpeercert() or {})
    require_name(certificate, remote.host)
    return certificate


def asks_for_certificate(remote: Remote) -> bool:
    """Tell whether an origin ends the connection for want of a client certificate.

    TLS 1.3 reports that after the handshake, mostly together with the end of the connection.
    """
    try:
        if remote.is_secure:
            with _tls(remote) as secure:
                secure.recv(1)
    except ssl.SSLError as error:
        return any(alert in str(error) for alert in _ALERTS)
    except OSError:
        return False
    return False


def ends_in_days(certificate: Mapping[str, object]) -> float | None:
    """Return the days that a certificate has left."""
    end = certificate.get("notAfter")
    return (ssl.cert_time_to_seconds(end) - time.time()) / 86400 if isinstance(end, str) else None


def ask(remote: Remote, url: str, headers: Mapping[str, str], method: str = "GET") -> Reply:
    """Send one request as NGINX does; no redirect is followed that NGINX would not follow.

    Raises OSError and http.client.HTTPException.
    """
    request = Request(url, headers=dict(headers), method=method)  # noqa: S310
    try:
        answer = opener(remote.origin, url, headers).open(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        answer = error
    except URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else OSError(str(error.reason)) from error
    with closing(answer):
        return Reply(answer.status, tuple(answer.headers.items()), answer.read(65536))
