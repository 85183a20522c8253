"""Send one request on a new connection, and record its response. No proxy of the environment is used."""

from __future__ import annotations

import http.client
import io
import math
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

Pairs = tuple[tuple[str, str], ...]
CONNECT_S, TIMEOUT_S = 5.0, 30.0
"""NGINX waits as long for an origin."""
RESPONSE_S = 60.0
"""How long the head of a response may take, or a short body: a server could send single bytes without end."""
MAX_RESPONSE_BYTES = 4 << 20
"""Of a storage's XML. A list of objects or of uploads in parts has at most 1,000 entries."""
_HEAD_BYTES = 24576
"""NGINX accepts no larger head of an app (engine/app.conf), and 16 KB of an origin."""
_until: ContextVar[float] = ContextVar("until", default=float("inf"))


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
        """Record the time of a phase, which began at the end of the previous one."""
        now = time.monotonic()
        self.seconds[phase], self._last = now - self._last, now

    def header(self, name: str) -> str:
        """Return the values of a header of the response, joined; empty where there is none."""
        return ", ".join(value for key, value in self.came if key.lower() == name.lower())

    def fail(self, error: Exception) -> None:
        """Record the error that ended it."""
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
    body: bytes = b"",
) -> Exchange:
    """Send one request as a client, to one of `servers` if given, and read the response.

    servers: host and port, or ("unix:/path", 0). most_bytes: of the body, which is kept; None: all of it is read, and
    only the beginning of an error's is kept. verify: the certificate. body: of the request, with its length in `sent`.
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
        with send(connection(kind, parts.netloc, servers), seen, body) as response:
            if most_bytes is not None:
                seen.body = response.read_soon(most_bytes)
            while most_bytes is None and (block := response.read(65536)):
                seen.body_bytes += len(block)
                if seen.status >= 400 and not seen.body:
                    seen.body = block
            seen.lap("receive")
            if method != "HEAD" and response.length:
                seen.problem = f"{response.length} bytes of the body are missing"
    except (OSError, ValueError, http.client.HTTPException) as error:
        seen.fail(error)
    return seen


class HeadTooLarge(http.client.HTTPException):
    """NGINX responds with 502 to such a response."""


class Response(http.client.HTTPResponse):
    """A response whose head must come within RESPONSE_S. The body has no limit."""

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
    """The bytes of a connection, until its response is too late."""

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


def send(made: Any, seen: Exchange, body: bytes = b"") -> Response:
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
        made.endheaders(body or None)
        response: Response = made.getresponse()
    finally:
        if made.sock is not None:
            made.sock.close()  # the response has its own reference
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


class _UnixConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = self._create_connection(None, self.timeout)  # type: ignore[attr-defined]  # see `connection`
