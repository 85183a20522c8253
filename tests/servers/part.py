"""A server that a test kills, stops for a while, and starts again on the same ports."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Generic, Protocol, TypeVar

from xaccel_testing.servers.processes import alive, wait_until


class Server(Protocol):
    """What a part needs of its server."""

    @property
    def pids(self) -> list[int]: ...


S = TypeVar("S", bound=Server)


class Part(Generic[S]):
    """A server of a topology. `begin` starts it, and again after it was killed; `now` is the running one."""

    def __init__(self, name: str, begin: Callable[[], AbstractContextManager[S]]) -> None:
        self.name = name
        self.begin = begin
        self._stack = ExitStack()
        self._now: S | None = None

    def __repr__(self) -> str:
        return self.name

    @property
    def now(self) -> S:
        assert self._now is not None, f"{self.name} does not run"
        return self._now

    @property
    def is_running(self) -> bool:
        return self._now is not None

    def start(self) -> None:
        self._now = self._stack.enter_context(self.begin())

    def kill(self) -> None:
        """End all its processes without a warning, as a power cut does."""
        pids = self.now.pids
        self.signal(signal.SIGKILL)
        assert wait_until(lambda: not any(map(alive, pids)), timeout_s=60)
        self.stop()

    def stop(self) -> None:
        self._now = None
        self._stack.close()

    def signal(self, number: int) -> None:
        """Send a signal to all its processes, the first one before those that it would start again."""
        for pid in self.now.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Kill it, and start it again when the block ends."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Stop its processes: connections are accepted by the kernel, and nothing responds."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)
