"""Update the rows that change with time alone: transfers without a log entry, and downloads to be closed."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from xaccel.audit.chain.seals import seal_waiting
from xaccel.audit.conf import Configuration
from xaccel.audit.models import Download, Transfer
from xaccel.audit.outcome import Outcome
from xaccel.audit.signals import post_sweep


def sweep(conf: Configuration, *, now: datetime, using: str) -> tuple[int, int]:
    """Return how many transfers became `unknown` and how many downloads were closed.

    Call it when everything that was written before `now` is taken in. A line that comes later is still stored.
    """
    # NGINX tells of a transfer when it is over: one that is under way may have begun within the idle time.
    over = now - conf.idle - conf.unknown_after
    unknown = (
        Transfer.objects.using(using)
        .filter(outcome=Outcome.GRANTED, decided_at__lt=now - conf.unknown_after)
        .update(outcome=Outcome.UNKNOWN, batch=conf.waiting)
    )
    closed = (
        Download.objects.using(using)
        .filter(closed_at__isnull=True, last_at__lt=over)
        .update(closed_at=F("last_at"))
    )
    if conf.chain:
        seal_waiting(using=using)
    post_sweep.send(Transfer, configuration=conf, now=now, using=using)
    return unknown, closed
