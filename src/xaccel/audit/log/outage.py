"""Wait while the database or the log is away, instead of ending.

Nothing is lost meanwhile: the position is stored in the transaction of the rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connections

logger = logging.getLogger("xaccel.audit")

AWAY = (OperationalError, InterfaceError, OSError)
"""What a database that is stopped, locked or out of disk space raises, and a log that must not be read."""

_FIRST_S, _LONGEST_S = 0.2, 5.0
"""Seconds between two attempts: twice as many each time, up to the second number."""

T = TypeVar("T")


class Outage:
    """What is known of the outage that `ingest` waits for. since: when it began; None while all is well."""

    def __init__(self, path: Path, *, using: str, stopped: Callable[[], bool]) -> None:
        self.path, self.using, self.stopped = path, using, stopped
        self.since: datetime | None = None
        self.last_success: datetime | None = None

    def wait_for(self, work: Callable[[], T]) -> T | None:
        """Call `work` until it succeeds, and return its result; None if `ingest` was stopped meanwhile.

        An outage is logged once when it begins, and once when it is over.
        """
        pause = _FIRST_S
        while True:
            try:
                result = work()
            except AWAY as error:
                self._began(error)
            else:
                self._ended()
                return result
            # What the connection was in the middle of is rolled back; the next attempt opens a new one.
            with suppress(*AWAY):
                connections[self.using].close()
            if self._stopped_within(pause):
                return None
            pause = min(2 * pause, _LONGEST_S)

    def _began(self, error: Exception) -> None:
        if self.since is not None:
            return
        self.since = datetime.now(UTC)
        what, remedy = _words(error)
        logger.error("%s: %s. `ingest` waits and tries again; nothing is lost. %s", self.path, what, remedy)

    def _ended(self) -> None:
        self.last_success = now = datetime.now(UTC)
        if self.since is not None:
            seconds = (now - self.since).total_seconds()
            self.since = None
            logger.warning("%s: `ingest` goes on after %.0f seconds", self.path, seconds)

    def _stopped_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self.stopped():
            if time.monotonic() >= until:
                return False
            time.sleep(0.05)
        return True


def _words(error: Exception) -> tuple[str, str]:
    """Return what failed, and what to do."""
    if isinstance(error, PermissionError):
        return (
            f"this user must not read {error.filename or 'the log'}",
            "Make the user that runs `ingest` a member of the log's group (Debian: adm), and let that group read it.",
        )
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError):
        return f"the log cannot be read: {text}", "Look at its folder and its disk."
    return f"the database does not take the entries: {text}", "Look at its server, its locks and its disk."
