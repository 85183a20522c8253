"""Origins that do not respond, or stop in the middle, and an NGINX that waits for them for one second."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from tests.live.raw_server import read_head, reset
from tests.live.stage import set_everywhere
from xaccel.nginx import Parts

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


Behaviour = Callable[[socket.socket, threading.Event], None]


def silent(connection: socket.socket, ended: threading.Event) -> None:
    read_head(connection)
    ended.wait()


def slow_head(connection: socket.socket, ended: threading.Event) -> None:
    read_head(connection)
    connection.sendall(HEAD)
    ended.wait()


def leaves(connection: socket.socket, _: threading.Event) -> None:
    read_head(connection)


def resets(connection: socket.socket, _: threading.Event) -> None:
    read_head(connection)
    reset(connection)


def big_head(connection: socket.socket, _: threading.Event) -> None:
    read_head(connection)
    connection.sendall(HEAD + b"X-Big: " + b"x" * 40_000 + b"\r\nContent-Length: 2\r\n\r\nok")


def begins(framing: bytes, begin: bytes, then: Behaviour) -> Behaviour:
    """Sends the head and some of the body."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        read_head(connection)
        connection.sendall(HEAD + framing + b"\r\n\r\n" + begin)
        then(connection, ended)

    return behave


def impatient(parts: Parts) -> Parts:
    """As printed, but for how long is waited."""
    for name in ("proxy_connect_timeout", "proxy_read_timeout"):
        parts = set_everywhere(parts, name, "1s")
    return parts
