"""Run a server in a new folder: start it, wait until it is ready, and end it with all its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from xaccel_testing.servers import ServerFailed

_LINES_SHOWN = 60


class RunningServer:
    """A started process. `pid` is its first process; `pids` are all that belong to it, workers included."""

    def __init__(self, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self.pid = process.pid
        self.log_file = log_file
        self._process = process
        self._known: set[psutil.Process] = set()

    @property
    def pids(self) -> list[int]:
        self._look()
        return sorted(process.pid for process in self._running())

    @property
    def log(self) -> str:
        """The server's standard output and error."""
        return self.log_file.read_text(errors="replace")

    @property
    def exit_status(self) -> int | None:
        """The exit status of the first process, negative for a signal; None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def _look(self) -> None:
        """Remember the processes of the server: once a parent has died, its descendants cannot be found."""
        # the id of a process that has ended may belong to another one
        if self._process.returncode is None or not psutil.pid_exists(self.pid):
            self._known.update(_members(self.pid))

    def _running(self) -> list[psutil.Process]:
        return [process for process in self._known if _runs(process)]

    def _stop(self, number: int, within_s: float) -> None:
        self._look()
        try:
            if self.exit_status is None:
                os.killpg(self.pid, number)
                self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._look()
            for process in self._running():
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            # the kernel of a busy machine takes its time
            wait_until(lambda: not self._running(), timeout_s=60.0)
            self._process.wait(60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedServer:
    """A server with its process."""

    server: RunningServer = field(repr=False)

    @property
    def pids(self) -> list[int]:
        """All processes of the server, workers included."""
        return self.server.pids

    @property
    def log(self) -> str:
        """The server's standard output and error."""
        return self.server.log


@contextmanager
def running(
    command: Sequence[str],
    *,
    name: str,
    directory: Path,
    ready: Callable[[int], bool],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    start_within_s: float = 60.0,
    stop_within_s: float = 5.0,
    stop_signal: int = signal.SIGTERM,
    popen: Mapping[str, Any] | None = None,
) -> Iterator[RunningServer]:
    """Run `command` until the block ends; its output goes to `directory/NAME.log`.

    The block begins when `ready(pid)` is true. At its end the process gets `stop_signal`, and after `stop_within_s`
    seconds it and everything it started are killed. `popen` has more arguments for subprocess.Popen.

    Raises ServerFailed, with the end of the log, if the process ends or `start_within_s` seconds pass before it is
    ready.
    """
    log_file = directory / f"{name}.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            list(command),
            cwd=cwd or directory,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **(popen or {}),
        )
    server = RunningServer(process, log_file)
    try:
        done = wait_until(lambda: process.poll() is not None or ready(process.pid), timeout_s=start_within_s)
        if not done or process.poll() is not None:
            what = "ended instead of starting" if done else "took too long to start"
            lines = server.log.splitlines()[-_LINES_SHOWN:]
            raise ServerFailed(what, where=name, remedy="\n".join(["Its log ends with:", *lines]))
        yield server
    finally:
        server._stop(stop_signal, stop_within_s)


def wait_until(condition: Callable[[], bool], *, timeout_s: float, every_s: float = 0.01) -> bool:
    """Return True as soon as `condition()` is true, False if it is not within `timeout_s` seconds.

    A long wait looks less often, up to 20 times a second: a look can be as expensive as a request.
    """
    started = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - started
        if waited_s > timeout_s:
            return False
        time.sleep(max(every_s, min(waited_s / 10, 0.05)))
    return True


def family(pid: int) -> list[int]:
    """Return `pid`, its descendants and the rest of its session, without zombies; sorted."""
    return sorted(process.pid for process in _members(pid) if _runs(process))


def alive(pid: int) -> bool:
    """Tell whether a process runs. A zombie runs nothing and holds nothing."""
    with suppress(psutil.NoSuchProcess):
        return _runs(psutil.Process(pid))
    return False


def command_line(pid: int) -> str:
    """Return the title of a process, as it was set last; empty if the process is gone."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(psutil.Process(pid).cmdline()).strip()
    return ""


def write_private(file: Path, text: str) -> None:
    """Write `text` to a file that only its owner can read, also if the file existed with another mode."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)


def private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter. A folder that exists keeps its mode."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _members(pid: int) -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for other in psutil.pids():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if pid in (other, os.getsid(other)):
                found.add(psutil.Process(other))
    with suppress(psutil.NoSuchProcess):
        # the processes of PostgreSQL have their own sessions; psutil searches all processes for their parents
        found.update(psutil.Process(pid).children(recursive=True))
    return found


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        if not process.is_running():
            return False
        # the first thread is a zombie as soon as it ends: the others keep the sockets until they have ended too
        return process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD} or process.num_threads() > 1
    return False
