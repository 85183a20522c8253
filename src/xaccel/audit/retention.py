"""Delete old rows, remove addresses, forget users: the commands `prune` and `forget`."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.db import router
from django.db.models import Exists, F, OuterRef, Q, QuerySet, UUIDField
from django.db.models.functions import Cast, Coalesce

from xaccel.audit import archives
from xaccel.audit.chain.seals import hide, note
from xaccel.audit.database import random_text, writing
from xaccel.audit.models import Download, FailedMember, LogPosition, RejectedLine, Transfer
from xaccel.audit.removals import note_forgotten, note_pruned
from xaccel.audit.signals import post_prune
from xaccel.audit.values import indexable, new_pseudonym
from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line
from xaccel.errors import OptionRefused

AT_ONCE = 5000
"""Rows a transaction, so that an app that records meanwhile does not wait long."""
_UNITS = {"d": "days", "h": "hours", "w": "weeks"}


def prune(before: datetime, *, using: str) -> Counter[str]:
    """Delete what was decided, sent or found before `before`; return how many rows of each kind."""
    removed = Counter[str]()
    last = min(before, datetime.now(UTC))  # transfers that come tomorrow are not removed
    with writing(using):
        note_pruned(last, using=using)
    decided = Transfer.objects.using(using).filter(decided_at__lt=last)
    for until in _ends_of_slices(decided, "decided_at", last):
        with writing(using):
            _delete(until, removed, using)
    whole = Transfer.objects.using(using).filter(download=OuterRef("id"))
    past = Download.objects.using(using).filter(~Exists(whole), last_at__lt=before)
    removed["downloads"] += past.delete()[0]
    archives.delete_layouts(using=using)
    FailedMember.objects.using(using).filter(at__lt=before).delete()
    removed["rejected"] = RejectedLine.objects.using(using).filter(at__lt=before).delete()[0]
    LogPosition.objects.using(using).filter(at__lt=before, finished=True).delete()
    post_prune.send(Transfer, before=before)
    return removed


def _ends_of_slices(rows: QuerySet[Transfer], at: str, before: datetime) -> list[datetime]:
    """Return the ends of what each transaction changes: all rows that are older, so that `verify` may run between."""
    times = rows.order_by(at).values_list(at, flat=True).iterator()
    ends = islice(times, AT_ONCE - 1, None, AT_ONCE)
    return [*(end + timedelta(microseconds=1) for end in ends), before]


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
    count = 0
    for until in _ends_of_slices(old, "over", before):
        with writing(using):
            rows = old.filter(over__lt=until)
            note("addresses", rows, until, using=using)
            hide(rows, using=using, person=False)
            downloads = Download.objects.using(using).filter(
                last_at__lt=before, id__in=rows.values("download")
            )
            downloads.filter(subject="").update(group=_random_group(using))
            count += rows.update(ip=None)
    return count


def forget(subject: str, *, using: str) -> tuple[str, int, int]:
    """Replace `subject` by a random pseudonym, and remove what else points to the user.

    Sums stay what they were: the rows stay, and those of one user stay together. Addresses, programs, file names and
    the digests made of them go. Return the pseudonym, which is stored nowhere else, and how many transfers
    and downloads were changed.
    """
    pseudonym, subject = new_pseudonym(), indexable(subject)
    with writing(using):
        rows = Transfer.objects.using(using).filter(subject=subject)
        note_forgotten(subject, using=using)
        archives.forget_names(subject, using=using)
        transfers = 0
        while ids := list(rows.values_list("id", flat=True)[:AT_ONCE]):
            some = Transfer.objects.using(using).filter(id__in=ids)
            hide(some, using=using, person=True)
            transfers += some.update(subject=pseudonym, ip=None, client="", filename="")
        downloads = Download.objects.using(using).filter(subject=subject)
        changed = downloads.update(subject=pseudonym, client="", group=_random_group(using))
        return pseudonym, transfers, changed


def _random_group(using: str) -> Cast:
    """Return what replaces a group that was made of a user: all addresses of IPv4 can be tried."""
    return Cast(random_text(using), UUIDField())


def age(text: str) -> timedelta:
    """Read an age such as "365d", "12h" or "4w". Raises argparse.ArgumentTypeError."""
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age: write it like 365d, 12h or 4w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _prune(args: argparse.Namespace, _: object) -> None:
    ages = [age for age in (args.older_than, args.addresses_older_than) if age is not None]
    if not ages or not all(ages):  # of age 0 are rows that the app is about to store
        remedy = "Give --older-than or --addresses-older-than, as in 365d."
        raise OptionRefused("no age is given, or it is 0", where="prune", remedy=remedy)
    using, now = router.db_for_write(Transfer), datetime.now(UTC)
    if args.older_than is not None:
        removed = prune(now - args.older_than, using=using)
        print_line(
            f"deleted {removed['transfers']} transfers, {removed['downloads']} downloads,"
            f" {removed['rejected']} rejected lines"
        )
    if args.addresses_older_than is not None:
        print_line(f"removed {drop_addresses(now - args.addresses_older_than, using=using)} addresses")


PRUNE = make_command("prune", types={"--older-than": age, "--addresses-older-than": age}, run=_prune)


def _forget(args: argparse.Namespace, _: object) -> None:
    if not args.subject:
        what = "an empty subject means all users who were not signed in"
        raise OptionRefused(what, where="SUBJECT", remedy="Give the primary key of one user.")
    pseudonym, transfers, downloads = forget(args.subject, using=router.db_for_write(Transfer))
    print_line(f"{transfers} transfers and {downloads} downloads now belong to {pseudonym}")


FORGET = make_command("forget", run=_forget)
