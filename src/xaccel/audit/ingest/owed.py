"""Signals that are owed: noted in the transaction of the rows, sent behind it, and again if a crash came between."""

from __future__ import annotations

import logging

from django.db.models import Model
from django.dispatch import Signal

from xaccel.audit.ingest.store import Applied
from xaccel.audit.models import Download, Transfer, Untold
from xaccel.audit.signals import download_completed, transfer_completed

logger = logging.getLogger("xaccel.audit")

_AT_ONCE = 500


def note(applied: Applied, *, using: str) -> None:
    """Write down what must be told. Where nobody listens, nothing is."""
    rows: list[Untold] = []
    if transfer_completed.has_listeners(Transfer):
        rows += [Untold(transfer=id_) for id_ in applied.transfers]
    if download_completed.has_listeners(Download):
        rows += [Untold(download=id_) for id_ in applied.completed]
    Untold.objects.using(using).bulk_create(rows, batch_size=_AT_ONCE)


def deliver(using: str) -> None:
    """Tell what is owed. What a receiver could not take stays owed."""
    if not (transfer_completed.has_listeners(Transfer) or download_completed.has_listeners(Download)):
        return
    last = 0
    while rows := list(Untold.objects.using(using).filter(pk__gt=last).order_by("pk")[:_AT_ONCE]):
        last = rows[-1].pk
        transfers = Transfer.objects.using(using).in_bulk([row.transfer for row in rows if row.transfer])
        downloads = Download.objects.using(using).in_bulk([row.download for row in rows if row.download])
        done = []
        for row in rows:
            found: Model | None
            if row.transfer:
                found, signal, name = transfers.get(row.transfer), transfer_completed, "transfer"
            else:
                found, signal, name = downloads.get(row.download), download_completed, "download"
            if found is None or _told(signal, found, name):
                done.append(row.pk)
        Untold.objects.using(using).filter(pk__in=done).delete()


def _told(signal: Signal, found: Model, name: str) -> bool:
    told = True
    for receiver, result in signal.send_robust(sender=type(found), **{name: found}):
        if isinstance(result, Exception):
            logger.error("%r failed for %s %s", receiver, name, found.pk, exc_info=result)
            told = False
    return told
