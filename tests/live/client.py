"""A browser's requests without a browser's tidying: what goes out and comes back is seen as it is."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of every line of this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str | None:
        """The value of the only line of this name; None where there is none."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    def everything(self) -> bytes:
        """Head and body in one, to look for traces in."""
        return (
            "\n".join(f"{key}: {value}" for key, value in self.headers).encode("latin-1")
            + b"\n\n"
            + self.body
        )


def ask(
    port: int,
    target: str,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
) -> Reply:
    """One request on a connection of its own. `target` goes out byte for byte.

    NGINX closes the connection when it has cached the object and written the entry, so both are there on return.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            connection.putheader(name, value)
        connection.putheader("Connection", "close")
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        with connection.sock.dup() as other:
            other.settimeout(60)
            response = connection.getresponse()
            reply = Reply(response.status, tuple(response.getheaders()), response.read())
            with suppress(ConnectionError):
                other.recv(1)
            return reply


@contextmanager
def begun(
    port: int,
    target: str,
    *,
    headers: str = "",
    receive_buffer: int = 65_536,
    tls: ssl.SSLContext | None = None,
) -> Iterator[socket.socket]:
    """Send a request on a connection of its own, whose kernel takes little of what nobody reads.

    headers: further lines, each with its end. NGINX closes the connection after the response.
    """
    with ExitStack() as opened:
        client = opened.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(120)
        client.connect(("127.0.0.1", port))
        if tls is not None:
            client = opened.enter_context(tls.wrap_socket(client, server_hostname="localhost"))
        head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        client.sendall(head.encode())
        yield client


def send_target(asked: Mapping[str, Any]) -> str:
    """The path and query that make tests/live/decide.py hand off."""
    return "/send?q=" + quote(json.dumps(asked))


OTHER_ID = "019aae21-0000-7000-8000-000000000000"
"""A transfer id that no test makes."""
KNOWN = {
    "accept-ranges",
    "cache-control",
    "connection",
    "content-disposition",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "server",
    "x-content-type-options",
}
"""Response headers that a download may have."""
