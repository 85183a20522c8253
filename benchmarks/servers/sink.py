"""python -m benchmarks.servers.sink PORT: a storage that takes each PUT as fast as it comes, and only counts bytes.

For each line on stdin it prints how many connections it had so far, and how many bytes of bodies.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xaccel_testing import free_port
from xaccel_testing.servers.ports import accepts
from xaccel_testing.servers.processes import wait_until

_BLOCK = 1 << 20
_STORED = b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'


class Sink:
    """The process, from this side."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process, self.port = process, port

    def counted(self) -> tuple[int, int]:
        """Return the connections so far, and the bytes of their bodies."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        connections, count = self._process.stdout.readline().split()
        return int(connections), int(count)


@contextmanager
def sink() -> Iterator[Sink]:
    """Run it until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.servers.sink", str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        try:
            assert wait_until(lambda: accepts(port), timeout_s=60)
            yield Sink(process, port)
        finally:
            process.kill()


class _Counter:
    def __init__(self) -> None:
        self.connections = self.bytes = 0
        self._lock = threading.Lock()

    def serve(self, client: socket.socket) -> None:
        with client:
            head, body = b"", b""
            while b"\r\n\r\n" not in head:
                block = client.recv(65536)
                if not block:
                    return
                head += block
            head, _, body = head.partition(b"\r\n\r\n")
            [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            left = int(length.partition(b":")[2])
            with self._lock:
                self.connections += 1
            count, buffer = len(body), memoryview(bytearray(_BLOCK))
            while count < left and (came := client.recv_into(buffer)):
                count += came
            with self._lock:
                self.bytes += count
            if count == left:
                client.sendall(_STORED)


def main() -> None:
    """Take what comes until stdin ends."""
    counter = _Counter()
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)

    def accept() -> None:
        while True:
            threading.Thread(target=counter.serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    for _ in sys.stdin:
        print(counter.connections, counter.bytes, flush=True)


if __name__ == "__main__":
    main()
