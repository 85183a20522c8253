"""TCP ports that are free on the loopback address."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import ExitStack

_given: deque[int] = deque(maxlen=1000)


def free_ports(count: int) -> list[int]:
    """`count` different ports, given by the operating system, none of which this process was given lately.

    Another program may still take one before you do.
    """
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = held.enter_context(listening_socket()).getsockname()[1]
            # one that was given and is not yet taken is free for the operating system
            if port not in _given:
                found.append(port)
    _given.extend(found)
    return found


def free_port() -> int:
    """One port, as `free_ports` gives them."""
    return free_ports(1)[0]


def listening_socket(port: int = 0) -> socket.socket:
    """A bound socket (0: the operating system picks the port), so that nobody else can take its port."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", port))
    except BaseException:
        found.close()
        raise
    return found


def accepts(port: int) -> bool:
    """Does something accept connections on this port of the loopback address?"""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
