"""A slow client of a big file: nothing on disk, little memory, and the origin waits."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from benchmarks.measure.processes import memory
from tests.live.client import begun, send_target
from tests.live.conftest import Live
from tests.servers.origin import Answer
from xaccel_testing.servers.processes import wait_until

SIZE = 200_000_000
BLOCK = b"0123456789abcdef" * 4096
READ_FIRST = 65536
LOGS = {"access.log", "error.log", "xaccel.log", "stderr.log"}


class Body:
    """SIZE bytes in blocks; counts what was taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        while self.taken < SIZE:
            block = BLOCK[: SIZE - self.taken]
            self.taken += len(block)
            yield block


def written(directory: Path) -> dict[str, int]:
    """Return the size on disk of each file below NGINX's directory, but for its logs.

    Nor of the cache, which may still get the object of the test before: this download is not cached.
    """
    found = (file for file in directory.rglob("*") if "cache" not in file.relative_to(directory).parts)
    return {
        str(file): file.stat().st_blocks * 512
        for file in found
        if file.is_file() and file.name not in LOGS and file.suffix != ".log"
    }


def open_deleted(pids: list[int]) -> list[str]:
    """Files that a process holds open and nobody can see any more, as NGINX's temporary files are."""
    found = []
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                path = str(link.readlink())
            except OSError:
                continue
            # shared memory between master and workers looks the same
            if path.endswith("(deleted)") and not path.startswith(("/dev/zero", "/[aio]")):
                found.append(path)
    return found


def unchanged(body: Body) -> Callable[[], bool]:
    """Return a condition: as much was taken in 20 looks one after another."""
    looks: list[int] = []

    def condition() -> bool:
        looks.append(body.taken)
        return len(looks) > 20 and len(set(looks[-20:])) == 1

    return condition


def with_length(body: Body) -> Answer:
    return Answer(headers=[("Content-Length", str(SIZE))], body=body)


def in_chunks(body: Body) -> Answer:
    """Without a length NGINX cannot know how much is to come."""
    blocks = (b"%x\r\n%s\r\n" % (len(block), block) for block in chain(body, [b""]))
    return Answer(headers=[("Transfer-Encoding", "chunked")], body=blocks)


@pytest.mark.parametrize("answer", [with_length, in_chunks])
def test_a_slow_client_costs_no_disk_and_little_memory_and_holds_the_origin_back(
    live: Live, answer: Callable[[Body], Answer]
) -> None:
    body = Body()
    live.places.origin.answer = lambda _: answer(body)
    files, before = written(live.nginx.directory), memory(live.nginx.pids).anonymous
    with begun(live.nginx.port, send_target({"origin": "partner", "key": "big"})) as client:
        got = client.recv(READ_FIRST, socket.MSG_WAITALL)
        assert got.startswith(b"HTTP/1.1 200")

        assert wait_until(unchanged(body), timeout_s=60, every_s=0.02), "the origin goes on sending"
        assert READ_FIRST < body.taken < SIZE
        assert written(live.nginx.directory) == files
        assert open_deleted(live.nginx.pids) == []
        assert memory(live.nginx.pids).anonymous - before < 4_000_000

        count = len(got)
        while block := client.recv(1 << 20):
            count += len(block)
    assert count >= got.index(b"\r\n\r\n") + 4 + SIZE
    assert written(live.nginx.directory) == files
