"""Wait while the database or the log is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, connections

from xaccel.audit.ingest.ingest import Ingest

logger = logging.getLogger("xaccel.audit")

AWAY = (OperationalError, InterfaceError, IntegrityError, OSError)
"""Errors of a database that is stopped, locked, out of disk space or has no partition, and of a log without read
permission."""
_FIRST_S, _LONGEST_S = 0.2, 5.0
"""Seconds between two attempts: twice as many each time, up to the second number."""
LET_READ = (
    "Make the user that runs `ingest` a member of the log's group (Debian: adm), and let that group read it."
)

T = TypeVar("T")


class Outage:
    """An outage that `ingest` waits for. since: when it began, in seconds since 1970; 0 without one."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        self.since = self.last_success = 0.0

    def wait_for(self, work: Callable[[], T]) -> T | None:
        """Call `work` until it succeeds, and return its result; None if `ingest` was stopped meanwhile.

        An outage is logged once when it begins, and once when it is over.
        """
        pause = _FIRST_S
        while True:
            try:
                result = work()
            except AWAY as error:
                if not self.since:
                    self.since = time.time()
                    message = "%s: %s `ingest` waits and tries again; nothing is lost. %s"
                    logger.error(message, self.ingest.path, *_explain(error))
            else:
                self.last_success = time.time()
                if self.since:
                    seconds, self.since = self.last_success - self.since, 0.0
                    logger.warning("%s: `ingest` continues after %.0f seconds", self.ingest.path, seconds)
                return result
            # Roll back what the connection was doing; the next attempt opens a new one.
            with suppress(*AWAY):
                connections[self.ingest.using].close()
            for _ in range(round(pause / 0.05)):
                if self.ingest.stopped():
                    return None
                time.sleep(0.05)
            pause = min(2 * pause, _LONGEST_S)


def _explain(error: Exception) -> tuple[str, str]:
    """Return what failed and what to do."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, PermissionError):
        return f"this user may not read {error.filename or 'the log'}.", LET_READ
    if isinstance(error, OSError):
        return f"the log cannot be read: {text}.", "Look at its folder and its disk."
    return (
        f"the database does not accept the entries: {text}.",
        "Look at its server, locks, disk and constraints.",
    )
