"""How the bytes come to Django in development, where no NGINX fetches them."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from functools import partial
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from xaccel.django.redirects import Redirects
from xaccel.events import logger
from xaccel.handoff import HandOff
from xaccel.origins import LocalOrigin, Origin, RemoteOrigin, S3Origin

TIMEOUT_S = 30.0
"""How long an origin may be silent; NGINX waits as long (nginx/fetch.py)."""

_PASSED_ON = (
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Content-Language",
    "ETag",
    "Last-Modified",
)
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an origin answered. The caller closes `body`."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: IO[bytes] | None = None


def fetch(hand_off: HandOff, origin: Origin, conditions: Mapping[str, str]) -> Fetched:
    """Ask `origin` for what `hand_off` names. `conditions` are the client's, where the origin's validators stand.

    Never raises for what an origin does: its failures are statuses, 504 for silence and 502 for the rest. Redirects are
    followed where the origin's `redirect_hosts` allow it. The status is the origin's own otherwise.
    """
    if isinstance(origin, LocalOrigin):
        return _open(hand_off.target)
    method = dict(hand_off.headers).get("Xaccel-Method", "GET")
    request = Request(hand_off.target, headers={**conditions, **hand_off.request_headers}, method=method)  # noqa: S310
    redirects = Redirects(origin, hand_off.target, conditions)
    try:
        answer = build_opener(redirects, *_transport(origin, hand_off.target)).open(
            request, timeout=TIMEOUT_S
        )
    except HTTPError as error:
        with error:
            _say(hand_off, f"status {error.code}")
            if error.code == 403 and isinstance(origin, S3Origin) and origin.missing_as_403:
                return Fetched(404)
            return Fetched(error.code, _passed_on(error.headers) if error.code == 304 else {})
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        _say(hand_off, type(reason).__name__)
        return Fetched(504 if isinstance(reason, TimeoutError) else 502)
    return Fetched(200, _passed_on(answer.headers), answer)


def _say(hand_off: HandOff, why: str) -> None:
    # Messages of these errors may hold the URL, and with it the signature.
    logger.info("the origin %s answered transfer %s with: %s", hand_off.origin, hand_off.transfer_id, why)


def _open(path: str) -> Fetched:
    try:
        # Without O_NONBLOCK a FIFO would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        return Fetched(404 if error.errno in _MISSING else 502)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        return Fetched(404)
    headers = {
        "Content-Length": str(state.st_size),
        "Last-Modified": formatdate(int(state.st_mtime), usegmt=True),
    }
    return Fetched(200, headers, os.fdopen(descriptor, "rb"))


def _passed_on(headers: Message) -> dict[str, str]:
    found = {name: headers[name] for name in _PASSED_ON if headers.get(name) is not None}
    return {name: value for name, value in found.items() if "\n" not in value and "\r" not in value}


def _transport(origin: RemoteOrigin, target: str) -> list[Any]:
    context = ssl.create_default_context(cafile=origin.ca_file)
    if not origin.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if origin.client_certificate is not None:
        context.load_cert_chain(origin.client_certificate, origin.client_key)
    if not origin.servers:
        return [HTTPSHandler(context=context)]
    pin = partial(_pinned, urlsplit(target).netloc, origin.servers[0])
    return [ProxyHandler({}), _PinnedHTTP(pin), _PinnedHTTPS(pin, context)]


class _PinnedHTTP(HTTPHandler):
    """Connects to one address for the origin's name."""

    def __init__(self, pin: Any) -> None:
        super().__init__()
        self._pin = pin

    def http_open(self, req: Request) -> Any:
        return self.do_open(partial(self._pin, http.client.HTTPConnection), req)


class _PinnedHTTPS(HTTPSHandler):
    """The same over TLS; the certificate is still the one of the URL's host."""

    def __init__(self, pin: Any, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._pin, self._tls = pin, context

    def https_open(self, req: Request) -> Any:
        return self.do_open(partial(self._pin, partial(http.client.HTTPSConnection, context=self._tls)), req)


def _pinned(authority: str, address: str, kind: Any, host: str, **options: Any) -> Any:
    connection = kind(host, **options)
    if host == authority:
        name, _, port = address.rpartition(":")
        there = (name.strip("[]"), int(port))
        # The one seam of http.client between the name for Host and TLS and the address to connect to.
        connection._create_connection = lambda _, *rest: socket.create_connection(there, *rest)
    return connection
