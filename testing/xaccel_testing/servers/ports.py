"""Find TCP ports that are free on the loopback address.

They are below those of outgoing connections (from 32768 on Linux, 49152 elsewhere), one of which could take a port
before its server starts. A socket that listens on the first port of a block keeps other processes from its ports.
"""

from __future__ import annotations

import atexit
import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import cycle, islice

from xaccel_testing.servers import ServerFailed

_BLOCK = 1000
_FIRSTS = range(12_000, 32_000, _BLOCK)


def free_ports(count: int) -> list[int]:
    """Return `count` ports that this process was not given lately, and that no other process is given.

    A program that does not use this function may still take one before you do.

    Raises ServerFailed if 20 processes have ports already, or if programs have taken the ports of this one.
    """
    candidates = islice(_ports_of(os.getpid()), _BLOCK - 1)
    found = list(islice(filter(is_free, candidates), count))
    if len(found) < count:
        raise ServerFailed(
            f"no port is free in a block between {_FIRSTS.start} and {_FIRSTS.stop}",
            where="free ports",
            remedy="Each process that runs tests takes a block. Stop programs that listen there and are not needed.",
        )
    return found


def free_port() -> int:
    """Return one port, as `free_ports` does."""
    return free_ports(1)[0]


@cache
def _ports_of(process_id: int) -> Iterator[int]:
    """Return the ports of this process, one after the other and again from the first: a fork has others."""
    for first in random.sample(_FIRSTS, len(_FIRSTS)):
        with suppress(OSError):
            atexit.register(socket.create_server(("127.0.0.1", first)).close)
            return cycle(range(first + 1, first + _BLOCK))
    return iter(())


def is_free(port: int) -> bool:
    """Tell whether this process can listen on this port of the loopback address, and be reached there.

    A container that was killed can leave a rule in the kernel that sends connections to its port elsewhere.
    """
    with suppress(OSError), socket.create_server(("127.0.0.1", port)) as listener:
        client = socket.create_connection(("127.0.0.1", port), timeout=1)
        # it resets the connection: no end of it keeps the port for a minute
        listener.close()
        client.close()
        return True
    return False


def accepts(port: int) -> bool:
    """Tell whether something accepts connections on this port of the loopback address."""
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False
