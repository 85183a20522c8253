"""One server process: started, waited for, stopped, and nothing of it left."""

from __future__ import annotations

import atexit
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mirakuru import Executor
from mirakuru.base import cleanup_subprocesses
from mirakuru.exceptions import ProcessExitedWithError, ProcessFinishedWithError, TimeoutExpired

from xaccel.servers.errors import ServerFailed
from xaccel.servers.processes import Family

_LINES_SHOWN = 60

# At the exit of Python mirakuru kills each process whose variable mirakuru_uuid ("PID:UUID") contains this process's
# id: a process with a short id kills the servers of other programs. Each server here is stopped by its own block.
atexit.unregister(cleanup_subprocesses)


class _Process(Executor):
    """mirakuru's executor with a readiness test from outside, and deadlines of their own for start and stop."""

    def __init__(self, command: Sequence[str], ready: Callable[[int], bool], **kwargs: Any) -> None:
        super().__init__(list(command), sleep=0.01, **kwargs)
        self._ready = ready

    @property
    def _popen_kwargs(self) -> dict[str, Any]:
        # start_new_session does what mirakuru's preexec_fn does, and is also safe when other threads run
        kwargs: dict[str, Any] = super()._popen_kwargs
        kwargs.pop("preexec_fn", None)
        kwargs["start_new_session"] = True
        return kwargs

    def pre_start_check(self) -> bool:
        return False

    def after_start_check(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise ProcessExitedWithError(self, 0)
        return self._ready(self.process.pid)

    def stop_within(self, seconds: float) -> None:
        self._timeout = seconds
        self.stop()


class RunningServer:
    """A started process. `pid` is its first process; `pids` are all that belong to it, workers included."""

    def __init__(self, process: _Process, popen: subprocess.Popen[Any], log_file: Path) -> None:
        self._process = process
        self._popen = popen
        self._family = Family(popen.pid)
        self.log_file = log_file
        self.pid = popen.pid

    @property
    def pids(self) -> list[int]:
        return self._family.pids()

    @property
    def log(self) -> str:
        """What the server wrote to its standard output and error."""
        return self.log_file.read_text(errors="replace")

    @property
    def exit_status(self) -> int | None:
        """The exit status of the first process, negative for a signal; None while it runs."""
        return self._popen.poll()

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def _stop(self, within_s: float) -> None:
        self._family.look()
        try:
            # the id of a process that ended may be another one's by now
            if self.exit_status is None:
                self._process.stop_within(within_s)
        except ProcessFinishedWithError:
            pass  # it was killed, or had died before: how a server ended is for the tests to say
        finally:
            self._process.kill()
            self._family.kill()


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
        """What the server wrote to its standard output and error."""
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
    start_within_s: float = 20.0,
    stop_within_s: float = 5.0,
    stop_signal: int = signal.SIGTERM,
    popen: Mapping[str, Any] | None = None,
) -> Iterator[RunningServer]:
    """Run `command` until the block ends; its output goes to `directory/NAME.log`.

    `ready(pid)` is asked until it says True. Raises ServerFailed, with the end of the log, when the process
    ends or `start_within_s` seconds pass before that. On leaving the process gets `stop_signal`, and after
    `stop_within_s` seconds it and everything it started are killed.
    """
    log_file = directory / f"{name}.log"
    with log_file.open("ab") as log:
        process = _Process(
            command,
            ready,
            cwd=str(cwd or directory),
            envvars=dict(env or {}),
            timeout=start_within_s,
            stdin=subprocess.DEVNULL,
            stdout=_as_stream(log),
            stderr=subprocess.STDOUT,
            stop_signal=stop_signal,
            popen_kwargs=dict(popen or {}),
        )
        try:
            _start(process, name, log_file)
            assert process.process is not None
            server = RunningServer(process, process.process, log_file)
        except BaseException:
            process.kill()
            raise
    try:
        yield server
    finally:
        server._stop(stop_within_s)


def _start(process: _Process, name: str, log_file: Path) -> None:
    try:
        process.start()
    except (ProcessExitedWithError, TimeoutExpired) as error:
        what = "took too long to start" if isinstance(error, TimeoutExpired) else "ended instead of starting"
        lines = log_file.read_text(errors="replace").splitlines()[-_LINES_SHOWN:]
        raise ServerFailed(what, where=name, remedy="\n".join(["Its log ends with:", *lines])) from error


def _as_stream(log: IO[bytes]) -> IO[Any]:
    return log
