"""Clients that load an NGINX: wrk for many small answers, threads that read for large ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measure.question import require

_SCRIPT = Path(__file__).with_name("wrk.lua")
_BUFFER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that an origin holds."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What many clients at once saw of small answers: how many a second, and the milliseconds that each took."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def answered(
    url: str,
    stored: Stored | None,
    *,
    connections: int,
    seconds: float,
    fields: Sequence[str] = (),
    paths: Sequence[str] = (),
    compare: bool = False,
) -> Answered:
    """Ask again and again on connections that are kept, one thread.

    Every answer must be of at least the file's size (`stored` None: of any) and no error; with `compare` it must be a
    200 whose body is the file, which costs time. `fields`: header lines of each request. `paths`: requested by turns,
    in place of that of the URL. Raises WrongAnswer.
    """
    wrk = shutil.which("wrk") or ""
    require(bool(wrk), "wrk is not installed: run scripts/system")
    with subprocess.Popen(
        [
            *(wrk, "-t1", f"-c{connections}", "-d1h", "--timeout", "10s", "-s", str(_SCRIPT)),
            *(part for field in fields for part in ("-H", field)),
            url,
        ],
        env={
            **os.environ,
            **({"BENCH_BODY": str(stored.path)} if compare and stored else {}),
            **({"BENCH_PATHS": " ".join(paths)} if paths else {}),
        },
        stdout=subprocess.PIPE,
        text=True,
        # a signal before it is ready would end it
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509  # it takes no lock
    ) as running:
        # It knows only whole seconds; interrupted, it reports what was.
        with suppress(subprocess.TimeoutExpired):
            running.wait(seconds)
        printed = _interrupted(running)
    require(running.returncode == 0, f"{url}: wrk failed: {printed}")
    said = json.loads(printed.splitlines()[-1])
    require(said["requests"] > 0 and said["failed"] == 0 and said["wrong"] == 0, f"{url}: {said}")
    least = said["requests"] * (stored.size if stored else 0)
    require(said["bytes"] >= least, f"{url}: bytes are missing: {said}")
    return Answered(
        requests=said["requests"],
        per_second=said["requests"] / said["seconds"],
        p50_ms=said["p50_ms"],
        p99_ms=said["p99_ms"],
    )


def _interrupted(running: subprocess.Popen[str]) -> str:
    """Interrupt a program until it ends, and return what it printed: a signal before it is ready has no effect."""
    for _ in range(300):
        running.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return running.communicate(timeout=0.2)[0]
    running.kill()
    return running.communicate()[0]


def transfer_seconds(connections: Sequence[Connection], path: str, stored: Stored, *, each: int) -> float:
    """Download `each` times on each connection at once, close them, and return the seconds that the downloads took.

    Status and size must be right each time. Raises WrongAnswer.
    """

    def client(connection: Connection) -> None:
        for _ in range(each):
            connection.get(path, stored.size)

    with ExitStack() as opened, ThreadPoolExecutor(len(connections)) as pool:
        for connection in connections:
            opened.enter_context(connection)
        start = time.perf_counter()
        for running in [pool.submit(client, connection) for connection in connections]:
            running.result()
        return time.perf_counter() - start


def compare(port: int, path: str, stored: Stored) -> None:
    """Download once and compare every byte. Raises WrongAnswer."""
    digest = hashlib.sha256()
    with Connection(port) as connection:
        connection.get(path, stored.size, digest.update)
    require(digest.hexdigest() == stored.sha256, f"{path}: wrong bytes")


class Connection:
    """A connection that is kept. It does as little as a client can: http.client would be most of the time.

    fields: header lines, each with its line end, that every request has.
    """

    def __init__(self, port: int, fields: str = "", *, timeout_s: float = 600) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._fields = f"Host: 127.0.0.1:{port}\r\n{fields}\r\n"
        self._buffer = memoryview(bytearray(_BUFFER))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str, size: int, take: object = None) -> bytes:
        """Ask for `path`, read a body of `size` bytes (-1: any) and return its first block."""
        return self._read(path, 200, size, take)[1]

    def location(self, path: str) -> str:
        """Ask for `path` and return where it redirects to."""
        return self._read(path, 302, -1, None)[0].get("location", "")

    def fields(self, path: str) -> dict[str, str]:
        """Ask for `path` and return the header fields of its 200, names in small letters."""
        return self._read(path, 200, -1, None)[0]

    def _read(self, path: str, wanted: int, size: int, take: object) -> tuple[dict[str, str], bytes]:
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{self._fields}".encode())
        head = b""
        while (end := head.find(b"\r\n\r\n")) < 0:
            block = self._socket.recv(65536)
            require(bool(block), f"{path}: closed within the headers")
            head += block
        status, *lines = head[:end].decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        require(status.split()[1] == str(wanted), f"{path}: {status}")
        length = int(fields.get("content-length", -1))
        require(length >= 0 and size in (-1, length), f"{path}: {length} of {size} bytes announced")
        first = head[end + 4 :]
        if callable(take):
            take(first)
        left = length - len(first)
        while left:
            count = self._socket.recv_into(self._buffer, min(left, _BUFFER))
            require(count > 0, f"{path}: {left} of {length} bytes are missing")
            if callable(take):
                take(self._buffer[:count])
            left -= count
        return fields, first
