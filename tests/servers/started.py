"""Run a server for a fixture, if it is installed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NoReturn, TypeVar

from xaccel_testing.servers import ServerMissing

T = TypeVar("T")


@contextmanager
def started(server: AbstractContextManager[T], unavailable: Callable[[str], NoReturn]) -> Iterator[T]:
    """Run `server` until the block ends. If it is not installed, end the test by the fixture `unavailable`."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(server)
        except ServerMissing as missing:
            unavailable(str(missing))
        yield found
