"""Which processes belong to a server, as /proc tells it (Linux)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Stat:
    pid: int
    state: str
    parent: int
    session: int
    started: int


def family(pid: int) -> list[int]:
    """`pid`, its descendants and the rest of its session, without zombies; sorted."""
    return sorted(stat.pid for stat in _family_stats(pid))


def alive(pid: int) -> bool:
    """A zombie counts as gone: it runs nothing and holds nothing."""
    stat = _stat(pid)
    return stat is not None and stat.state not in "ZX"


def command_line(pid: int) -> str:
    """The title of a process, as it was set last; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def wait_until(condition: Callable[[], bool], *, timeout_s: float, every_s: float = 0.01) -> bool:
    """True as soon as `condition()` holds, False when it did not within `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


class Family:
    """The processes of a server, remembered with their start times, so that a reused pid is never killed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: dict[int, int] = {}

    def look(self) -> None:
        """Remember what belongs to the server now: descendants cannot be told any more once their parent died."""
        self._known.update((stat.pid, stat.started) for stat in _family_stats(self._pid))

    def pids(self) -> list[int]:
        self.look()
        return self._alive()

    def kill(self, *, timeout_s: float = 5.0) -> None:
        """SIGKILL whatever is left and wait until it is gone."""
        self.look()
        _signal_all(self._alive(), signal.SIGKILL)
        wait_until(lambda: not self._alive(), timeout_s=timeout_s)

    def _alive(self) -> list[int]:
        found = []
        for pid, started in self._known.items():
            stat = _stat(pid)
            if stat is not None and stat.started == started and stat.state not in "ZX":
                found.append(pid)
        return sorted(found)


def _family_stats(pid: int) -> list[_Stat]:
    stats = {stat.pid: stat for stat in _all_stats()}
    members = {found for found, stat in stats.items() if pid in (found, stat.session)}
    while True:
        more = {found for found, stat in stats.items() if stat.parent in members} - members
        if not more:
            return [stats[member] for member in members if stats[member].state not in "ZX"]
        members |= more


def _all_stats() -> Iterable[_Stat]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = _stat(int(name))
            if stat is not None:
                yield stat


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # proc(5): the name in brackets may itself hold brackets and spaces, so the fields count from the last one
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(pid, state=fields[0], parent=int(fields[1]), session=int(fields[3]), started=int(fields[19]))


def _signal_all(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
