"""Notice log entries that do not come: NGINX's disk is full, or transfers stay without an entry."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from xaccel.audit.models import Transfer
from xaccel.audit.outcome import Outcome

logger = logging.getLogger("xaccel.audit")

OVER = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
"""Ages of the transfers that `Watched.awaited` counts."""

RECENT = timedelta(minutes=15)
LEAST = 20
LOW = 64 * 1024 * 1024
"""Bytes. An entry has some 500: this is room for some 100,000 more."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a look at the log's disk and at the rows found.

    free: bytes that the log's disk has left; None where the log is not a file that can be reached.
    awaited: transfers without an entry that were decided longer ago than each age of OVER, and are not `unknown` yet.
    unknown: transfers for which this look gave up waiting.
    recent, missing: transfers that were decided between 15 and 5 minutes ago, and how many of them have no entry;
        `recent` is not counted beyond twice `missing`.
    """

    free: int | None
    awaited: dict[str, int]
    unknown: int
    recent: int
    missing: int

    @property
    def many_missing(self) -> bool:
        """Whether half of the recent transfers have no entry, and at least LEAST."""
        return self.missing >= LEAST and 2 * self.missing >= self.recent


def watch(path: Path, *, unknown: int, now: datetime, using: str) -> Watched:
    """Look for missing entries, and log a warning about them.

    Call it behind `sweep`, whose first count `unknown` is. `path` is the log.
    """
    granted = Transfer.objects.using(using).filter(outcome=Outcome.GRANTED)
    awaited = {name: granted.filter(decided_at__lt=now - age).count() for name, age in OVER.items()}
    window = {"decided_at__gte": now - RECENT, "decided_at__lt": now - OVER["5m"]}
    missing = granted.filter(**window).count()
    handed_off = Transfer.objects.using(using).filter(**window, reason="").exclude(outcome=Outcome.DENIED)
    recent = len(handed_off.values_list("pk")[: 2 * missing + 1])
    watched = Watched(_free(path), awaited, unknown, recent, missing)
    if watched.free is not None and watched.free < LOW:
        logger.warning(
            "%s: its disk has %d bytes left. NGINX drops log entries when it is full, and reports it nowhere.",
            *(path, watched.free),
        )
    if watched.many_missing:
        logger.warning(
            "%d of the transfers that were decided between 15 and 5 minutes ago have no log entry, at least half of"
            " them. They are under way, or NGINX cannot write its log (is its disk full?), or this is not its log.",
            missing,
        )
    return watched


def _free(path: Path) -> int | None:
    try:
        disk = os.statvfs(path)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize
