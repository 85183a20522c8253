"""Origins that fail, and an NGINX that waits for them for one second."""

from __future__ import annotations

import socket
import threading

from tests.live.raw_server import read_head, reset
from tests.live.stage import set_everywhere
from xaccel.tools.nginx import Parts

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def resets(connection: socket.socket, _: threading.Event) -> None:
    read_head(connection)
    reset(connection)


def big_head(connection: socket.socket, _: threading.Event) -> None:
    read_head(connection)
    connection.sendall(HEAD + b"X-Big: " + b"x" * 40_000 + b"\r\nContent-Length: 2\r\n\r\nok")


def impatient(parts: Parts) -> Parts:
    """The generated configuration, with timeouts of one second."""
    for name in ("proxy_connect_timeout", "proxy_read_timeout"):
        parts = set_everywhere(parts, name, "1s")
    return parts
