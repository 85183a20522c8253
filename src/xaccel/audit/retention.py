"""Delete old rows, remove addresses, forget users: the commands `prune` and `forget`."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import router, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils.crypto import salted_hmac

from xaccel.audit.chain.seals import hide, note
from xaccel.audit.ingest.database import is_sqlite, lock_writers
from xaccel.audit.log.entry import LogEntry
from xaccel.audit.models import Download, LogPosition, RejectedLine, Removal, Transfer
from xaccel.audit.signals import post_prune
from xaccel.audit.values import indexable, microseconds_of, new_pseudonym
from xaccel.cli.command import make_command
from xaccel.errors import OptionRefused

AT_ONCE = 5000
"""Rows a transaction, so that an app that records meanwhile does not wait long."""
_UNITS = {"d": "days", "h": "hours", "w": "weeks"}


def prune(before: datetime, *, using: str) -> Counter[str]:
    """Delete what was decided, sent or found before `before`; return how many rows of each kind."""
    removed = Counter[str]()
    last = min(before, datetime.now(UTC))  # transfers that come tomorrow are not removed
    with transaction.atomic(using=using):
        lock_writers(using)
        _note_pruned(last, using)
    until = None
    while until != last:
        with transaction.atomic(using=using):
            lock_writers(using)
            until = _end_of_slice(last, using)
            _delete(until, removed, using)
    whole = Transfer.objects.using(using).filter(download=OuterRef("id"))
    past = Download.objects.using(using).filter(~Exists(whole), last_at__lt=before)
    removed["downloads"] += past.delete()[0]
    removed["rejected"] = RejectedLine.objects.using(using).filter(at__lt=before).delete()[0]
    LogPosition.objects.using(using).filter(at__lt=before, finished=True).delete()
    post_prune.send(Transfer, before=before)
    return removed


def _end_of_slice(before: datetime, using: str) -> datetime:
    """Return the end of what one transaction deletes: everything that is older, so that `verify` may run between."""
    times = Transfer.objects.using(using).order_by("decided_at").values_list("decided_at", flat=True)
    last = times.filter(decided_at__lt=before)[AT_ONCE - 1 : AT_ONCE]
    return min([before, *(at + timedelta(microseconds=1) for at in last if at)])


def _delete(before: datetime, removed: Counter[str], using: str) -> None:
    """Delete the transfers from before `before`, and the downloads that have no others."""
    old = Q(decided_at__lt=before) | Q(decided_at__isnull=True, ended_at__lt=before)
    rows = Transfer.objects.using(using).filter(old)
    lost = Counter(rows.exclude(download=None).values_list("download_id", flat=True))
    note("prune", rows, before, using=using)
    removed["transfers"] += rows.delete()[0]
    downloads = Download.objects.using(using).filter(id__in=lost)
    kept = Transfer.objects.using(using).filter(download__in=lost).values_list("download_id", flat=True)
    for id_ in set(kept):
        downloads.filter(id=id_).update(pruned=F("pruned") + lost.pop(id_))
    removed["downloads"] += Download.objects.using(using).filter(id__in=lost).delete()[0]


def drop_addresses(before: datetime, *, using: str) -> int:
    """Remove the addresses of transfers that ended before `before`, and the digests made of them; return how many."""
    over = Coalesce("ended_at", "decided_at")  # a denied download never ends
    old = Transfer.objects.using(using).filter(ip__isnull=False).annotate(over=over).filter(over__lt=before)
    times = old.order_by("over").values_list("over", flat=True).iterator()
    ends = [at + timedelta(microseconds=1) for at in islice(times, AT_ONCE - 1, None, AT_ONCE)]
    count = 0
    for until in (*ends, before):  # everything that is older, so that `verify` may run between
        with transaction.atomic(using=using):
            lock_writers(using)
            rows = old.filter(over__lt=until)
            note("addresses", rows, until, using=using)
            hide(rows, using=using, person=False)
            downloads = Download.objects.using(using).filter(
                last_at__lt=before, id__in=rows.values("download")
            )
            _regroup(downloads.filter(subject=""), using)
            count += rows.update(ip=None)
    return count


def forget(subject: str, *, using: str) -> tuple[str, int, int]:
    """Replace `subject` by a random pseudonym, and remove what else points to the user.

    Sums stay what they were: the rows stay, and those of one user stay together. Addresses, programs, file names and
    the digests made of them go. Return the pseudonym, which is stored nowhere else, and how many transfers
    and downloads were changed.
    """
    pseudonym, subject = new_pseudonym(), indexable(subject)
    with transaction.atomic(using=using):
        lock_writers(using)
        rows = Transfer.objects.using(using).filter(subject=subject)
        digest = _digest(subject, settings.SECRET_KEY)
        Removal.objects.using(using).create(kind="forget", before=datetime.now(UTC), subject=digest)
        transfers = 0
        while ids := list(rows.values_list("id", flat=True)[:AT_ONCE]):
            some = Transfer.objects.using(using).filter(id__in=ids)
            hide(some, using=using, person=True)
            transfers += some.update(subject=pseudonym, ip=None, client="", filename="")
        downloads = Download.objects.using(using).filter(subject=subject)
        _regroup(downloads, using)
        return pseudonym, transfers, downloads.update(subject=pseudonym, client="")


def _regroup(downloads: QuerySet[Download], using: str) -> None:
    """Replace groups that were made of a user by random ones: all addresses of IPv4 can be tried."""
    group = "lower(hex(randomblob(16)))" if is_sqlite(using) else "gen_random_uuid()"
    downloads.update(group=RawSQL(group, ()))  # noqa: S611


def _note_pruned(before: datetime, using: str) -> None:
    rows = Removal.objects.using(using)
    if not rows.filter(kind="prune", before__gte=before).exists():
        rows.filter(kind="prune").delete()
        rows.create(kind="prune", before=before)
    rows.filter(kind="forget", before__lte=before).delete()


def removed_until(kind: str, *, using: str) -> int:
    """Return the latest time of `prune` or `forget`, in microseconds since 1970; 0 without any."""
    latest = Removal.objects.using(using).filter(kind=kind).aggregate(latest=Max("before"))["latest"]
    return microseconds_of(latest) if latest else 0


def removed_ids(entries: Iterable[LogEntry], *, using: str) -> set[str]:
    """Return the ids of those entries that are older than what was removed. None of the entries is stored.

    So a log that is read again does not bring back what `prune` and `forget` removed.
    """
    pruned, forgotten = (removed_until(kind, using=using) for kind in ("prune", "forget"))
    if not pruned and not forgotten:
        return set()
    entries = list(entries)
    found = {entry.id for entry in entries if entry.started_at < pruned}
    old = [entry for entry in entries if entry.subject and entry.started_at < forgotten]
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = {_digest(subject, key): subject for subject in {entry.subject for entry in old} for key in keys}
    rows = Removal.objects.using(using).filter(kind="forget", subject__in=digests).order_by("before")
    before = {digests[row.subject]: microseconds_of(row.before) for row in rows}
    return found | {entry.id for entry in old if entry.started_at < before.get(entry.subject, 0)}


def _digest(subject: str, key: str | bytes) -> str:
    return salted_hmac("xaccel.audit.ingest.removals", subject, secret=key, algorithm="sha256").hexdigest()


def age(text: str) -> timedelta:
    """Read an age such as "365d", "12h" or "4w". Raises argparse.ArgumentTypeError."""
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age: write it like 365d, 12h or 4w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _run_prune(args: argparse.Namespace, *_: object) -> None:
    ages = [age for age in (args.older_than, args.addresses_older_than) if age is not None]
    if not ages or not all(ages):  # of age 0 are rows that the app is about to store
        raise OptionRefused(
            "no age is given, or it is 0",
            where="prune",
            remedy="Give --older-than or --addresses-older-than, as in 365d.",
        )
    using, now = router.db_for_write(Transfer), datetime.now(UTC)
    if args.older_than is not None:
        removed = prune(now - args.older_than, using=using)
        print(
            f"deleted {removed['transfers']} transfers, {removed['downloads']} downloads,"
            f" {removed['rejected']} rejected lines"
        )
    if args.addresses_older_than is not None:
        print(f"removed {drop_addresses(now - args.addresses_older_than, using=using)} addresses")


PRUNE = make_command("prune", types={"--older-than": age, "--addresses-older-than": age}, run=_run_prune)


def _run_forget(args: argparse.Namespace, *_: object) -> None:
    if not args.subject:
        raise OptionRefused(
            "an empty subject means all users who were not signed in",
            where="SUBJECT",
            remedy="Give the primary key of one user.",
        )
    pseudonym, transfers, downloads = forget(args.subject, using=router.db_for_write(Transfer))
    print(f"{transfers} transfers and {downloads} downloads now belong to {pseudonym}")


FORGET = make_command("forget", run=_run_forget)
