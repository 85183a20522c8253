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
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from xaccel.handoff import HandOff
from xaccel.origins import LocalOrigin, Origin, RemoteOrigin

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

    Never raises for what an origin does: its failures are statuses, 504 for silence and 502 for the rest. A redirect
    is not followed. The status is the origin's own otherwise.
    """
    if isinstance(origin, LocalOrigin):
        return _open(hand_off.target)
    method = dict(hand_off.headers)["Xaccel-Method"]
    request = Request(hand_off.target, headers={**conditions, **hand_off.request_headers}, method=method)  # noqa: S310
    try:
        answer = build_opener(_NoRedirects, *_transport(origin)).open(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        with error:
            return Fetched(error.code, _passed_on(error.headers) if error.code == 304 else {})
    except URLError as error:
        return Fetched(504 if isinstance(error.reason, TimeoutError) else 502)
    except TimeoutError:
        return Fetched(504)
    except (OSError, http.client.HTTPException):
        return Fetched(502)
    return Fetched(200, _passed_on(answer.headers), answer)


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


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the signature and the request headers are for one place."""


def _transport(origin: RemoteOrigin) -> list[Any]:
    context = ssl.create_default_context(cafile=origin.ca_file)
    if not origin.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if not origin.servers:
        return [HTTPSHandler(context=context)]
    address = origin.servers[0]
    return [ProxyHandler({}), _PinnedHTTP(address), _PinnedHTTPS(address, context)]


class _PinnedHTTP(HTTPHandler):
    """Connects to one address, whatever the URL's host is."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def http_open(self, req: Request) -> Any:
        return self.do_open(partial(_pinned, http.client.HTTPConnection, self._address), req)


class _PinnedHTTPS(HTTPSHandler):
    """The same over TLS; the certificate is still the one of the URL's host."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._address, self._tls = address, context

    def https_open(self, req: Request) -> Any:
        connection = partial(http.client.HTTPSConnection, context=self._tls)
        return self.do_open(partial(_pinned, connection, self._address), req)


def _pinned(kind: Any, address: str, host: str, **options: Any) -> Any:
    name, _, port = address.rpartition(":")
    connection = kind(host, **options)
    # The one seam of http.client between the name for Host and TLS and the address to connect to.
    connection._create_connection = lambda _, *rest: socket.create_connection(
        (name.strip("[]"), int(port)), *rest
    )
    return connection
