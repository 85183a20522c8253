"""What does a slow client cost NGINX in memory, and does anything of it go to disk?

Thousands of clients of one large object, each of which reads a little and then nothing. All buffers of a transfer are
full then, and nothing moves: that is what the documentation states for a slow client.
"""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.clients.each_worker import one_each
from benchmarks.measure.processes import settled
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require

if TYPE_CHECKING:
    from benchmarks.servers.front import Front, Stage

_NAME = "large.bin"
_BYTES = 1_000_000_000
_CLIENTS = {"full": 2000, "quick": 150, "smoke": 150}
_BUFFERS = ("8 4k", "8 16k", "8 64k")
_BUILDS = ("deb", "wheel")
_TIMES = 1.05
"""At most so many times what `tests.memory_costs.memory_kb` says, which is true on each build."""
_READ_FIRST = 4096
_KERNEL = 16384


def answer(size: Size) -> list[Table]:
    """Hold the clients on each build with each kind of buffers, one after the other."""
    from benchmarks.servers.front import stage
    from tests.memory_costs import memory_kb

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    rows: list[tuple[Cell, ...]] = []
    targets = []
    count = _CLIENTS[size]
    with stage({_NAME: 1}) as behind:
        # nobody reads it: a file without blocks
        with (behind.folder / "files" / _NAME).open("r+b") as file:
            file.truncate(_BYTES)
        for variant in (one for one in behind.variants if one.name in _BUILDS):
            for buffers in _BUFFERS:
                held = _held(replace(behind, site=replace(behind.site, buffers=buffers)), variant.name, count)
                stated = memory_kb(buffers)
                per_client = held.bytes / count / 1024
                rows.append(
                    (f"{variant.name}, {buffers}", per_client, stated, per_client / stated, held.disk)
                )
                targets += [
                    Target(
                        what=f"{variant.name}, {buffers}, memory to the stated bound",
                        limit=_TIMES,
                        measured=per_client / stated,
                        unit="times",
                        timed=False,
                    ),
                    Target(
                        what=f"{variant.name}, {buffers}, on disk",
                        limit=0,
                        measured=held.disk,
                        unit="bytes",
                        timed=False,
                    ),
                ]
    return [
        Table(
            title=f"{count:,} slow clients of an object of 1 GB, plain HTTP on both sides",
            columns=("NGINX, buffers", "KB for each", "stated, KB", "ratio", "bytes on disk"),
            rows=tuple(rows),
            note="Private memory of NGINX with all clients connected, minus its memory with a fifth as many."
            " Each client had the beginning of its file.",
            targets=tuple(targets),
        )
    ]


class _Held:
    def __init__(self, taken: int, disk: int) -> None:
        self.bytes, self.disk = taken, disk


def _held(behind: Stage, build: str, count: int) -> _Held:
    variant = next(one for one in behind.variants if one.name == build)
    front = behind.front(variant)
    for worker in one_each(front, front.classic_port):
        with worker:  # it has started, and has made its tables of connections
            pass
    with ExitStack() as clients:
        # What NGINX takes once, for itself or for its first clients, is no client's.
        for _ in range(count // 5):
            clients.enter_context(_client(front))
        before = settled(lambda: front.nginx.pids)
        for _ in range(count):
            clients.enter_context(_client(front))
        taken = settled(lambda: front.nginx.pids) - before
        disk = _on_disk(front)
    return _Held(taken, disk)


def _client(front: Front) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL)
    client.settimeout(60)
    client.connect(("127.0.0.1", front.port))
    client.sendall(f"GET /plain/{_NAME} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = client.recv(_READ_FIRST, socket.MSG_WAITALL)
    require(head.startswith(b"HTTP/1.1 200 "), f"{front.variant.name}: {head[:40]!r}")
    require(f"Content-Length: {_BYTES}\r\n".encode() in head, f"{front.variant.name}: another length")
    return client


def _on_disk(front: Front) -> int:
    """Bytes in NGINX's temporary files, also in those whose names are gone."""
    links = [link for pid in front.nginx.pids for link in Path(f"/proc/{pid}/fd").iterdir()]
    temporary = str(front.nginx.directory / "tmp")
    return sum(link.stat().st_blocks * 512 for link in links if str(link.readlink()).startswith(temporary))


QUESTION = Question(asks="what a slow client costs in memory, and that nothing goes to disk", answer=answer)
