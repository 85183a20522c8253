"""A TCP server that does to each connection what a test wants: stay silent, reset, stall, speak something else."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def raw_server(
    behave: Callable[[socket.socket, threading.Event], None], host: str = "127.0.0.1"
) -> Iterator[str]:
    """Run `behave(connection, ended)` in a thread for each connection; yields "127.0.0.1:port", or "[::1]:port".

    `ended` is set when the block ends: whoever stalls waits for it.
    """
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behave(connection, ended)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


def read_head(connection: socket.socket) -> bytes:
    """The request up to its empty line."""
    head = b""
    while b"\r\n\r\n" not in head and (block := connection.recv(65536)):
        head += block
    return head


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
