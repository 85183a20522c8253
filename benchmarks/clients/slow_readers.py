"""python -m benchmarks.clients.slow_readers: a process of clients that read slowly. It reads one JSON line from stdin.

For each further line on stdin it prints how many have begun to get their file.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients.downloads import Download

_TICK_S = 0.25
_AT_ONCE = 100
"""Connections that are opened in one tick: a crowd that comes within seconds, not within a millisecond."""
_KERNEL = 16384


class SlowReaders:
    """The process, from this side."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begun(self) -> int:
        """Return how many clients have got the beginning of their file."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


@contextmanager
def slow_readers(download: Download, count: int, rate: int) -> Iterator[SlowReaders]:
    """Hold `count` clients that read `rate` bytes a second each, until the block ends."""
    order = {
        "port": download.port,
        "path": download.path,
        "cookie": download.cookie,
        "storage_port": download.storage_port,
        "count": count,
        "rate": rate,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.clients.slow_readers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdin is not None
        try:
            print(json.dumps(order), file=process.stdin, flush=True)
            yield SlowReaders(process)
        finally:
            process.kill()


@dataclass(slots=True)
class _Reader:
    connection: socket.socket
    head: bytes = b""
    begun: bool = False
    allowed: float = 0.0


class _Crowd:
    def __init__(self, order: dict[str, object]) -> None:
        self._port, self._storage = int(str(order["port"])), int(str(order["storage_port"]))
        self._path, self._cookie = str(order["path"]), str(order["cookie"])
        self._count, self._rate = int(str(order["count"])), int(str(order["rate"]))
        self._readers: list[_Reader] = []
        self.failed = 0

    @property
    def begun(self) -> int:
        return sum(reader.begun for reader in self._readers)

    def tick(self) -> None:
        """Open some connections, then let each read what a tick is worth."""
        missing = self._count - len(self._readers) - self.failed
        for _ in range(min(missing, _AT_ONCE)):
            self._readers.append(_Reader(_asked(self._port, self._path, f"Cookie: {self._cookie}\r\n")))
        for reader in self._readers:
            reader.allowed = min(reader.allowed + self._rate * _TICK_S, float(self._rate))
            self._read(reader)
        self._readers = [reader for reader in self._readers if reader.connection.fileno() >= 0]

    def _read(self, reader: _Reader) -> None:
        try:
            block = reader.connection.recv(int(reader.allowed))
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if not block:
            reader.connection.close()
            self.failed += not reader.begun
            return
        reader.allowed -= len(block)
        if reader.begun:
            return
        reader.head += block
        head, end, _ = reader.head.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"HTTP/1.1 200 "):
            reader.begun, reader.head = True, b""
        elif self._storage and head.startswith(b"HTTP/1.1 302 "):
            fields = head.decode("latin-1").split("\r\n")
            (location,) = (one for one in fields if one.lower().startswith("location: http://"))
            reader.connection.close()
            path = "/" + location.split("/", 3)[3]
            reader.connection, reader.head = _asked(self._storage, path, ""), b""
        else:
            reader.connection.close()
            self.failed += 1


def _asked(port: int, path: str, fields: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n".encode())
    client.setblocking(False)
    return client


def main() -> None:
    """Read until stdin ends."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with open(
        0, "rb", buffering=0, closefd=False
    ) as orders:  # select() tells nothing of a line that was read ahead
        crowd = _Crowd(json.loads(orders.readline()))
        due = time.monotonic()
        while True:
            crowd.tick()
            due = max(due + _TICK_S, time.monotonic())
            while (left := due - time.monotonic()) > 0:
                if select.select([orders], [], [], left)[0]:
                    if not orders.readline():
                        return
                    print(crowd.begun, flush=True)


if __name__ == "__main__":
    main()
