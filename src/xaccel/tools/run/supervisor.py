"""Run several programs as one: print their output, pass signals on, and end all when one ends.

It is made for the first process of a container: it reaps what lost its parent, and needs no other supervisor.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO

from xaccel.commands.printing import print_error, print_line
from xaccel.errors import XaccelError

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
EVERY_S = 10.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run.

    stop: the signal that lets it finish its work. within_s: seconds for that, after which it is killed. ready: whether
    it has started; the next program is started then. environ: added to the environment.
    """

    name: str
    command: Sequence[str]
    stop: int = signal.SIGTERM
    within_s: float = 10.0
    ready: Callable[[], bool] = lambda: True
    environ: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """Run programs, in their order, until one of them ends or a signal comes; then stop them in the reverse order.

    SIGTERM stops each program by its own signal, when the program started after it has ended. SIGINT does so without
    waiting for work in progress. SIGHUP is passed on to the program named `reloads`.

    tend: called every `EVERY_S` seconds while all programs run, with a function that sends a program a signal.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        reloads: str,
        start_within_s: float = 60.0,
        tend: Callable[[Callable[[str, int], None]], object] = lambda _: None,
    ) -> None:
        self._programs = programs
        self._reloads = reloads
        self._start_within_s = start_within_s
        self._tend = tend
        self._is_urgent = False
        self._signals: SimpleQueue[int] = SimpleQueue()
        self._pids: dict[str, int] = {}
        self._statuses: dict[str, int] = {}
        self._readers: list[Thread] = []

    def run(self, started: Callable[[], object]) -> int:
        """Run all programs, and return the exit status: of the first program that ended, or 0 after a signal.

        started: called when all programs are ready. Raises XaccelError if a program cannot be started.
        """
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        try:
            if all(self._start(program) for program in self._programs):
                started()
                self._wait()
            return self._stop()
        finally:
            for reader in self._readers:
                reader.join(timeout=5.0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _: object) -> None:
        self._signals.put(number)  # safe in a handler: SimpleQueue.put is reentrant

    def _start(self, program: Program) -> bool:
        """Start a program, and wait until it is ready; false if a program has ended or a signal came meanwhile."""
        try:
            # A session of its own: Ctrl-C of a terminal reaches this process only, which then stops the programs.
            process = subprocess.Popen(
                program.command,
                env={**os.environ, **program.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._stop()
            what = f"{program.command[0]!r} cannot be run ({error.strerror})"
            raise XaccelError(what, where=program.name, remedy="Give the path of the program.") from error
        self._pids[program.name] = process.pid
        process.returncode = 0  # `_reap` has its status: Popen must not wait for it
        assert process.stdout is not None
        reader = Thread(target=_print_output, args=(program.name, process.stdout), daemon=True)
        reader.start()
        self._readers.append(reader)
        deadline = time.monotonic() + self._start_within_s
        while not program.ready():
            if self._next_signal(_LOOK_S):
                return False
            if time.monotonic() > deadline:
                self._stop()
                what = f"it is not ready after {self._start_within_s:g} seconds"
                remedy = "Look at its output above. An app must listen where --app says."
                raise XaccelError(what, where=program.name, remedy=remedy)
        return True

    def _wait(self) -> None:
        last = time.monotonic()
        while not self._next_signal(EVERY_S):
            if time.monotonic() - last >= EVERY_S:
                last = time.monotonic()
                self._tend(self._send)

    def _next_signal(self, timeout_s: float) -> bool:
        """Handle the next signal, if one comes in time. Tell whether all programs must stop."""
        try:
            number = self._signals.get(timeout=timeout_s)
        except Empty:
            return False
        if number == signal.SIGCHLD:
            return self._reap()
        if number == signal.SIGHUP:
            self._send(self._reloads, signal.SIGHUP)
            return False
        self._is_urgent = number == signal.SIGINT
        return True

    def _reap(self) -> bool:
        """Note which programs have ended. Tell whether one has."""
        names = {pid: name for name, pid in self._pids.items()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in names:  # others lost their parent
                self._statuses[names[pid]] = os.waitstatus_to_exitcode(status)
        return bool(self._statuses)

    def _stop(self) -> int:
        """Stop all programs, the last one first, and return the exit status."""
        first = next(iter(self._statuses.items()), None)
        if first:
            print_error(
                f"{first[0]} ended with {_words(first[1])}: all programs are stopped", program="xaccel run"
            )
        for program in reversed(self._programs):
            if program.name not in self._pids:
                continue
            self._send(program.name, signal.SIGTERM if self._is_urgent else program.stop)
            if not self._ends(program.name, program.within_s):
                print_error(
                    f"{program.name} is killed after {program.within_s:g} seconds", program="xaccel run"
                )
                self._kill(program.name)
                self._ends(program.name, 10.0)
            self._kill(program.name)  # what it left of its session
        if first is None:
            return 0
        return first[1] if first[1] >= 0 else 128 - first[1]

    def _ends(self, name: str, within_s: float) -> bool:
        """Wait until a program has ended; false if it has not in time. A second signal to stop is urgent."""
        deadline = time.monotonic() + within_s
        while name not in self._statuses:
            if self._next_signal(_LOOK_S) and self._is_urgent:
                self._send(name, signal.SIGTERM)
            if time.monotonic() > deadline:
                return False
        return True

    def _send(self, name: str, number: int) -> None:
        if name in self._pids and name not in self._statuses:
            os.kill(self._pids[name], number)

    def _kill(self, name: str) -> None:
        try:
            os.killpg(self._pids[name], signal.SIGKILL)
        except ProcessLookupError:
            self._send(self._reloads, signal.SIGHUP)


def _print_output(name: str, output: IO[bytes]) -> None:
    with output:
        for line in output:
            print_line(f"{name} | {line.decode(errors='replace').rstrip()}")


def _words(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {-status}"
