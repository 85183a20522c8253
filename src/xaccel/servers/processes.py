"""The processes that belong to a server, and a wait with a deadline."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

_GONE = (psutil.NoSuchProcess, ProcessLookupError)
_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def family(pid: int) -> list[int]:
    """`pid`, its descendants and the rest of its session, without zombies; sorted."""
    return sorted(process.pid for process in _members(pid) if _runs(process))


def alive(pid: int) -> bool:
    """A zombie counts as gone: it runs nothing and holds nothing."""
    with suppress(psutil.NoSuchProcess):
        return _runs(psutil.Process(pid))
    return False


def command_line(pid: int) -> str:
    """The title of a process, as it was set last; empty when the process is gone."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(psutil.Process(pid).cmdline()).strip()
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
    """The processes of a server, remembered with their start times by psutil, so that a reused pid is never killed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._first = psutil.Process(pid)
        self._known: set[psutil.Process] = set()

    def look(self) -> None:
        """Remember what belongs to the server now: descendants cannot be told any more once their parent died."""
        if psutil.pid_exists(self._pid) and not self._first.is_running():
            return  # the server ended, and another process has its id
        self._known.update(_members(self._pid))

    def pids(self) -> list[int]:
        self.look()
        return sorted(process.pid for process in self._alive())

    def kill(self, *, timeout_s: float = 5.0) -> None:
        """SIGKILL whatever is left and wait until it is gone."""
        self.look()
        for process in self._alive():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(lambda: not self._alive(), timeout_s=timeout_s)

    def _alive(self) -> list[psutil.Process]:
        return [process for process in self._known if _runs(process)]


def _members(pid: int) -> Iterable[psutil.Process]:
    children: dict[int, list[psutil.Process]] = defaultdict(list)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(*_GONE):
            children[process.ppid()].append(process)
            if pid in (process.pid, os.getsid(process.pid)):
                found[process.pid] = process
    unseen = list(found)
    while unseen:
        more = {process.pid: process for process in children[unseen.pop()] if process.pid not in found}
        found.update(more)
        unseen += more
    return found.values()


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() not in _ENDED
    return False
