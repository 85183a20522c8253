"""TCP ports that are free on the loopback address.

They lie below those that outgoing connections get (from 32768 on Linux, 49152 elsewhere): one of these could
take a port between the look and the start of its server. Each process has a block of its own, held by a socket that
listens on the first port of it, so that no two at once give the same port.
"""

from __future__ import annotations

import atexit
import os
import random
import socket
from functools import cache

from xaccel.servers.errors import ServerFailed

_BLOCK = 1000
_FIRSTS = range(12_000, 32_000, _BLOCK)


def free_ports(count: int) -> list[int]:
    """`count` different ports, none of which this process was given lately, or another one that runs now is given.

    A program that does not ask here may still take one before you do. Raises ServerFailed where 20 processes have
    ports already.
    """
    return [_block(os.getpid()).take() for _ in range(count)]


def free_port() -> int:
    """One port, as `free_ports` gives them."""
    return free_ports(1)[0]


class _Block:
    """Ports of which one is given after the other, and then from the first one again."""

    def __init__(self) -> None:
        for first in random.sample(_FIRSTS, len(_FIRSTS)):
            try:
                self._held = listening_socket(first)
                self._held.listen()
            except OSError:
                continue
            atexit.register(self._held.close)
            self._ports = range(first + 1, first + _BLOCK)
            self._next = 0
            return
        raise ServerFailed(
            f"no block of ports is left between {_FIRSTS.start} and {_FIRSTS.stop}",
            where="free ports",
            remedy="Each process that tests takes one. Look which of them hang, and end those.",
        )

    def take(self) -> int:
        for _ in self._ports:
            port = self._ports[self._next % len(self._ports)]
            self._next += 1
            if _is_free(port):
                return port
        raise ServerFailed(
            f"no port is free between {self._ports.start} and {self._ports.stop}",
            where="free ports",
            remedy="Look what listens there, and end what is not needed.",
        )


@cache
def _block(process_id: int) -> _Block:
    """Return the block of this process: a child that was forked has one of its own."""
    return _Block()


def _is_free(port: int) -> bool:
    try:
        listening_socket(port).close()
    except OSError:
        return False
    return True


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
