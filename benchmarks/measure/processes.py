"""The memory of processes, as Linux accounts for it, and the time that they took of the processors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of all processes together, each shared page counted once by its shares (proc(5), smaps_rollup).

    pss: everything. anonymous: without the pages of files, which other programs that map the same file change.
    seen: the same with each shared page counted in every process that sees it.
    """

    pss: int
    anonymous: int
    seen: int


def memory(pids: Iterable[int]) -> Memory:
    """Return what the processes hold now. Raises ProcessLookupError or FileNotFoundError when one is gone."""
    pss = anonymous = seen = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "Pss":
                pss += int(rest.split()[0]) * 1024
            elif name == "Pss_Anon":
                anonymous += int(rest.split()[0]) * 1024
            elif name == "Anonymous":
                seen += int(rest.split()[0]) * 1024
    return Memory(pss, anonymous, seen)


def settled(pids: Callable[[], Iterable[int]], *, timeout_s: float = 60) -> int:
    """Return the anonymous bytes of the processes once they have not grown for ten looks. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    most, same = 0, 0
    while same < 10:
        if time.monotonic() >= deadline:
            raise TimeoutError("their memory goes on growing")
        now = memory(pids()).anonymous
        same = same + 1 if now <= most else 0
        most = max(now, most)
        time.sleep(0.1)
    return most


@dataclass(slots=True)
class Peak:
    """The most that was seen so far."""

    pss: int = 0
    anonymous: int = 0
    looks: int = field(default=0)


@contextmanager
def peak(pids: Callable[[], Iterable[int]], *, every_s: float = 0.05) -> Iterator[Peak]:
    """Look again and again while the block runs; the last look is at its end."""
    seen, over = Peak(), threading.Event()

    def look() -> None:
        try:
            now = memory(pids())
        except (ProcessLookupError, FileNotFoundError):
            now = memory(pids())  # one ended since it was listed, as NGINX's cache loader does after a minute
        seen.pss, seen.anonymous = max(seen.pss, now.pss), max(seen.anonymous, now.anonymous)
        seen.looks += 1

    def watch() -> None:
        look()
        while not over.wait(every_s):
            look()
        look()

    failed: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # told to the block's thread
            failed.append(error)

    thread = threading.Thread(target=guarded, args=(watch,), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
    if failed:
        raise failed[0]


def cpu_seconds(pids: Iterable[int]) -> float:
    """What the processes have used of a processor so far, all threads together, to the nanosecond.

    The clock of another process is numbered as clock_getcpuclockid(3) does it in glibc and musl.
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)
