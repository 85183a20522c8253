"""Update the rows that change with time alone, and notice log entries that do not come."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import F

from xaccel.audit.chain.seals import seal_waiting
from xaccel.audit.models import Download, Transfer
from xaccel.audit.settings import AuditSettings
from xaccel.audit.signals import deliver, logger, post_sweep
from xaccel.audit.values import Outcome

OVER = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
"""Ages of the transfers that `watch` counts."""
RECENT = timedelta(minutes=15)
LEAST = 20
LOW = 64 * 1024 * 1024
"""Bytes. An entry has some 500: this is room for some 100,000 more."""


def sweep(conf: AuditSettings, *, now: datetime, using: str) -> int:
    """Close downloads, and return how many transfers became `unknown`.

    Call it when everything that was written before `now` is ingested. An entry that comes later is still stored.
    """
    # NGINX logs a transfer when it is over: one that is under way may have begun within the idle time.
    over = now - conf.idle - conf.unknown_after
    granted = Transfer.objects.using(using).filter(outcome=Outcome.GRANTED)
    unknown = granted.filter(decided_at__lt=now - conf.unknown_after).update(
        outcome=Outcome.UNKNOWN, batch=conf.waiting
    )
    quiet = Download.objects.using(using).filter(closed_at__isnull=True, last_at__lt=over)
    quiet.update(closed_at=F("last_at"))
    if conf.chain:
        seal_waiting(using=using)
    deliver(using, post_sweep, Transfer, configuration=conf, now=now, using=using)
    return unknown


def watch(path: Path, *, now: datetime, using: str) -> tuple[int | None, dict[str, int]]:
    """Look for missing entries of the log at `path`, and log a warning about them. Call it after `sweep`.

    Return the bytes that the log's disk has left, None if the log cannot be reached. The second value is the number of
    transfers without an entry that were decided longer ago than each age of OVER, and are not `unknown` yet.
    """
    rows = Transfer.objects.using(using)
    granted = rows.filter(outcome=Outcome.GRANTED)
    awaited = {name: granted.filter(decided_at__lt=now - age).count() for name, age in OVER.items()}
    window = {"decided_at__gte": now - RECENT, "decided_at__lt": now - OVER["5m"]}
    missing = granted.filter(**window).count()
    handed_off = rows.filter(**window, reason="").exclude(outcome=Outcome.DENIED)
    # Nothing is counted beyond what half of them needs.
    if missing >= LEAST and handed_off[: 2 * missing + 1].count() <= 2 * missing:
        logger.warning(
            "%d of the transfers that were decided between 15 and 5 minutes ago have no log entry, at least half of"
            " them. They are still running, or NGINX cannot write its log (is its disk full?), or this is not its log.",
            missing,
        )
    free = None
    with suppress(OSError):
        free = shutil.disk_usage(path).free
    if free is not None and free < LOW:
        logger.warning(
            "%s: its disk has %d bytes left. NGINX drops log entries when it is full, and reports this nowhere.",
            path,
            free,
        )
    return free, awaited
