"""How long what is kept: deleting what is old, and taking out of the rest what points to a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from xaccel.audit.chain.seals import hide, note
from xaccel.audit.decision.pseudonym import new_pseudonym
from xaccel.audit.decision.storable import indexable
from xaccel.audit.ingest import upsert
from xaccel.audit.ingest.removals import note_forgotten, note_pruned
from xaccel.audit.models import Download, Garbage, LogPosition, Transfer
from xaccel.audit.signals import post_prune

AT_ONCE = 5000
"""Rows a transaction, so that an app that records meanwhile does not wait long."""


@dataclass(slots=True)
class Removed:
    """How many rows of each kind."""

    transfers: int = 0
    downloads: int = 0
    garbage: int = 0


def prune(before: datetime, *, using: str) -> Removed:
    """Delete what was decided, sent or found before `before`."""
    removed = Removed()
    with transaction.atomic(using=using):
        upsert.alone(using)
        # An entry of tomorrow is none that was removed.
        note_pruned(min(before, datetime.now(UTC)), using=using)
    until = None
    while until != before:
        with transaction.atomic(using=using):
            upsert.alone(using)
            until = _slice(before, using)
            _delete(until, removed, using)
    whole = Transfer.objects.using(using).filter(download=OuterRef("id"))
    past = Download.objects.using(using).filter(~Exists(whole), last_at__lt=before)
    removed.downloads += past.delete()[0]
    removed.garbage = Garbage.objects.using(using).filter(at__lt=before).delete()[0]
    LogPosition.objects.using(using).filter(at__lt=before, finished=True).delete()
    post_prune.send(Transfer, before=before)
    return removed


def _slice(before: datetime, using: str) -> datetime:
    """Return the end of what one transaction deletes: everything that is older, so that `verify` may run between."""
    rows = Transfer.objects.using(using).filter(decided_at__lt=before).order_by("decided_at")
    for last in rows.values_list("decided_at", flat=True)[AT_ONCE - 1 : AT_ONCE]:
        assert last is not None
        return min(before, last + timedelta(microseconds=1))
    return before


def _delete(before: datetime, removed: Removed, using: str) -> None:
    """Delete the transfers of before `before`, and the downloads that have no others."""
    old = Q(decided_at__lt=before) | Q(decided_at__isnull=True, ended_at__lt=before)
    rows = Transfer.objects.using(using).filter(old)
    lost = Counter(rows.exclude(download=None).values_list("download_id", flat=True))
    note("prune", rows, before, using=using)
    removed.transfers += rows.delete()[0]
    downloads = Download.objects.using(using).filter(id__in=lost)
    kept = Transfer.objects.using(using).filter(download__in=lost).values_list("download_id", flat=True)
    for id_ in set(kept):
        downloads.filter(id=id_).update(pruned=F("pruned") + lost.pop(id_))
    removed.downloads += Download.objects.using(using).filter(id__in=lost).delete()[0]


def drop_addresses(before: datetime, *, using: str) -> int:
    """Remove the addresses of transfers that ended before `before`, and the digests made of them; return how many."""
    old = Transfer.objects.using(using).filter(ended_at__lt=before, ip__isnull=False)
    count = 0
    while ids := list(old.values_list("id", flat=True)[:AT_ONCE]):
        with transaction.atomic(using=using):
            upsert.alone(using)
            rows = Transfer.objects.using(using).filter(id__in=ids)
            note("addresses", rows, before, using=using)
            hide(rows, using=using, person=False)
            over = Download.objects.using(using).filter(last_at__lt=before, id__in=rows.values("download"))
            _regroup(over.filter(subject=""), using)
            count += rows.update(ip=None)
    return count


def forget(subject: str, *, using: str) -> tuple[str, Removed]:
    """Put a random pseudonym in the place of `subject`, and remove what else points to the person.

    Sums stay what they were: the rows stay, and those of one person stay together. Addresses, programs, file names and
    the digests made of them go. Return the pseudonym, which is stored nowhere else, and the rows that were changed.
    """
    pseudonym, subject = new_pseudonym(), indexable(subject)
    changed = Removed()
    with transaction.atomic(using=using):
        upsert.alone(using)
        rows = Transfer.objects.using(using).filter(subject=subject)
        note_forgotten(subject, datetime.now(UTC), using=using)
        hide(rows, using=using, person=True)
        changed.transfers = rows.update(subject=pseudonym, ip=None, client="", filename="")
        downloads = Download.objects.using(using).filter(subject=subject)
        _regroup(downloads, using)
        changed.downloads = downloads.update(subject=pseudonym, client="")
    return pseudonym, changed


def _regroup(downloads: QuerySet[Download], using: str) -> None:
    """Put a random group in the place of one that was made of the person: all addresses of IPv4 can be tried."""
    some = [Download(id=id_, group=uuid4()) for id_ in downloads.values_list("id", flat=True)]
    Download.objects.using(using).bulk_update(some, ["group"], batch_size=500)
