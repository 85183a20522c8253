"""The numbers behind the charts: an index narrows each query to the days that are shown.

A file that was only opened in the browser is not downloaded. The database splits days, in Django's current time zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, TruncDate

from portal.files.models import File, Grant
from portal.files.statistics.period import Period
from xaccel.audit import Download, Outcome, Transfer

ByDay = dict[tuple[date, str], int]
"""How many, by day and by kind; a missing key means 0."""

TROUBLES = (Outcome.DENIED, Outcome.INCOMPLETE, Outcome.REFUSED, Outcome.GRANTED, Outcome.UNKNOWN)
_AWAITED = (Outcome.GRANTED, Outcome.UNKNOWN)
COMPLETE, PART, NOTHING = "complete", "part", "nothing"

_how = Transfer.objects.filter(download=OuterRef("pk")).order_by("-as_attachment").values("as_attachment")
# PostgreSQL reads all transfers for an EXISTS here, and an index for a LIMIT.
_SAVED = Coalesce(Subquery(_how[:1]), Value(True))
"""Whether a browser saved the download, in one transfer at least. True if `prune` deleted all of them."""


def downloads(period: Period) -> ByDay:
    """Count downloads by the day they began, COMPLETE and PART."""
    rows = Download.objects.filter(_SAVED, _within("opened_at", period)).annotate(day=TruncDate("opened_at"))
    found = rows.values_list("day", "sent_complete").annotate(many=Count("*")).order_by()
    return {(day, COMPLETE if complete else PART): many for day, complete, many in found}


def top_files(period: Period, most: int) -> list[tuple[str, int, int]]:
    """Return name, complete and other downloads of the files that were downloaded most, the first one first.

    ZIP archives are not among them: almost each selection is another one.
    """
    saved = Download.objects.filter(_SAVED, _within("opened_at", period)).exclude(origin="archives")
    rows = saved.values("origin", "key")
    counted = rows.annotate(all=Count("pk"), complete=Count("pk", filter=Q(sent_complete=True)))
    found = list(counted.order_by("-all", "origin", "key")[:most])
    names = file_names((row["origin"], row["key"]) for row in found)
    return [
        (names.get((row["origin"], row["key"]), row["key"]), row["complete"], row["all"] - row["complete"])
        for row in found
    ]


def file_names(references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the names of the files that these origins and keys belong to, of those that still exist."""
    one_of = Q(pk__in=())
    for origin, key in references:
        one_of |= Q(origin=origin, key=key)
    return {(file.origin, file.key): file.name for file in File.objects.filter(one_of)}


def troubles(period: Period) -> ByDay:
    """Count requests by the day they were decided that came to nothing or to a part: by outcome, of TROUBLES.

    A client that left before its download began counts as INCOMPLETE.
    """
    rows = Transfer.objects.filter(_within("decided_at", period), outcome__in=TROUBLES)
    left = When(why="client_left", then=Value(Outcome.INCOMPLETE.value))
    found = rows.annotate(day=TruncDate("decided_at"), kind=Case(left, default="outcome")).values_list(
        "day", "kind"
    )
    return {(day, kind): many for day, kind, many in found.annotate(many=Count("*")).order_by()}


def without_entry(period: Period, now: datetime) -> int:
    """Count requests that were granted more than an hour ago and have no log entry."""
    rows = Transfer.objects.filter(_within("decided_at", period), outcome__in=_AWAITED)
    return rows.filter(decided_at__lt=now - timedelta(hours=1)).count()


def collected(period: Period) -> ByDay:
    """Count grants by their day and by how much was downloaded since: COMPLETE, PART or NOTHING.

    A grant to a group is collected when one of its members downloaded the file.
    """
    counted: ByDay = {}
    for grants in _grants(period):
        found = grants.annotate(day=TruncDate("granted_at")).values_list("day", "state")
        for day, state, many in found.annotate(many=Count("pk")).order_by():
            counted[day, state] = counted.get((day, state), 0) + many
    return counted


def waiting(period: Period, most: int) -> list[Grant]:
    """Return the grants that nobody has begun to download, the oldest first."""
    found = [
        grant
        for grants in _grants(period)
        for grant in grants.filter(Q(state=NOTHING))
        .select_related("file", "user", "group")
        .order_by("granted_at", "pk")[:most]
    ]
    return sorted(found, key=lambda grant: (grant.granted_at, grant.pk))[:most]


def _grants(period: Period) -> Iterable[QuerySet[Grant, Any]]:
    """Return two queries, grants of users and of groups, with their `state`: separate queries can use an index.

    A grant that a user gave to themselves is an upload, and no share.
    """
    one = Cast(OuterRef("user_id"), TextField())
    members: Any = get_user_model()._meta.get_field("groups").remote_field.through.objects  # type: ignore[union-attr]
    some = members.filter(group=OuterRef(OuterRef("group_id"))).annotate(text=Cast("user_id", TextField()))
    for kind, subject in (("user", Q(subject=one)), ("group", Q(subject__in=Subquery(some.values("text"))))):
        theirs = Download.objects.filter(
            _SAVED,
            subject,
            origin=OuterRef("file__origin"),
            key=OuterRef("file__key"),
            opened_at__gte=OuterRef("granted_at"),
        )
        shares = Grant.objects.exclude(user=F("granted_by"))
        yield shares.filter(_within("granted_at", period), **{f"{kind}__isnull": False}).annotate(
            state=Case(
                When(Exists(theirs.filter(sent_complete=True)), then=Value(COMPLETE)),
                When(Exists(theirs), then=Value(PART)),
                default=Value(NOTHING),
            )
        )


def _within(moment: str, period: Period) -> Q:
    first, behind = period.bounds
    return Q(**{f"{moment}__gte": first, f"{moment}__lt": behind})
