"""How long what is kept: deleting what is old, and taking out of the rest what points to a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from django.db import transaction
from django.db.models import Q, QuerySet

from xaccel.audit.chain.chain import seal_forgotten, seal_note, sealed
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
    old = Q(decided_at__lt=before) | Q(decided_at__isnull=True, ended_at__lt=before)
    while ids := list(Transfer.objects.using(using).filter(old).values_list("id", flat=True)[:AT_ONCE]):
        with transaction.atomic(using=using):
            upsert.alone(using)
            rows = Transfer.objects.using(using).filter(id__in=ids)
            seal_note("prune", rows, before, using=using)
            removed.transfers += rows.delete()[0]
    past = Download.objects.using(using).filter(last_at__lt=before)
    while ids := list(past.values_list("id", flat=True)[:AT_ONCE]):
        # A part that is kept does not point to nothing.
        Transfer.objects.using(using).filter(download_id__in=ids).update(download_id=None)
        removed.downloads += Download.objects.using(using).filter(id__in=ids).delete()[0]
    removed.garbage = Garbage.objects.using(using).filter(at__lt=before).delete()[0]
    LogPosition.objects.using(using).filter(at__lt=before, finished=True).delete()
    post_prune.send(Transfer, before=before)
    return removed


def drop_addresses(before: datetime, *, using: str) -> int:
    """Remove the addresses of transfers that ended before `before`, and the digests made of them; return how many."""
    old = Transfer.objects.using(using).filter(ended_at__lt=before, ip__isnull=False)
    count = 0
    while ids := list(old.values_list("id", flat=True)[:AT_ONCE]):
        with transaction.atomic(using=using):
            upsert.alone(using)
            rows = Transfer.objects.using(using).filter(id__in=ids)
            seal_note("addresses", rows, before, using=using)
            sealed(rows, using=using).update(address_salt="")
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
        seal_forgotten(rows, using=using)
        note_forgotten(subject, datetime.now(UTC), using=using)
        sealed(rows, using=using).update(person_salt="", address_salt="")
        changed.transfers = rows.update(subject=pseudonym, ip=None, client="", filename="")
        downloads = Download.objects.using(using).filter(subject=subject)
        _regroup(downloads, using)
        changed.downloads = downloads.update(subject=pseudonym, client="")
    return pseudonym, changed


def _regroup(downloads: QuerySet[Download], using: str) -> None:
    """Put a random group in the place of one that was made of the person: all addresses of IPv4 can be tried."""
    some = [Download(id=id_, group=uuid4()) for id_ in downloads.values_list("id", flat=True)]
    Download.objects.using(using).bulk_update(some, ["group"], batch_size=500)
