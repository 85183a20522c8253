"""Give a use back if nearly nothing was sent: decided once for each reservation, when its log entries are stored."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from django.db import router, transaction
from django.db.models import Count, F, Min, Q, Sum
from django.db.models.functions import Coalesce

from xaccel.audit.models import Transfer
from xaccel.audit.settings import AuditSettings
from xaccel.audit.values import FORGED, GAVE_BYTES, Outcome
from xaccel.share_links.models import Allowance, Reservation
from xaccel.share_links.reserve import subject_of

_AT_ONCE = 500
"""Reservations in one query, which has a parameter for each: SQLite before 3.32 takes 999."""
_AWAITED = (Outcome.GRANTED, Outcome.UNKNOWN)
_GAVE = Q(outcome__in=GAVE_BYTES)


def settle(sender: object, *, configuration: AuditSettings, now: datetime, using: str, **_: object) -> None:
    """Give back the uses of which less than 1 % was sent, if the reservation is over or idle.

    A receiver of `post_sweep`. Every hand-off must have its log entry: one without may be the whole file, still being
    sent. If an entry never comes, the use stays taken.
    """
    idle, unknown_after = configuration.idle, configuration.unknown_after
    own = router.db_for_write(Reservation)
    unsettled = Reservation.objects.using(own).filter(settled_at__isnull=True)
    over = Q(ended_at__isnull=False) | Q(expires_at__lte=now) | Q(last_at__lt=now - idle)
    found = unsettled.filter(over).iterator(_AT_ONCE)
    while some := list(islice(found, _AT_ONCE)):
        sent = _sent([subject_of(reservation.pk) for reservation in some], using)
        for reservation in some:
            known, little = sent.get(subject_of(reservation.pk), (0, True))
            late = reservation.last_at < now - idle - unknown_after
            if known == reservation.requests and little:
                _give_back(reservation, now, own)
            elif not little or late:
                unsettled.filter(pk=reservation.pk).update(settled_at=now)


def _sent(subjects: list[str], using: str) -> dict[str, tuple[int, bool]]:
    """Return for each subject how many hand-offs are over, and whether they sent less than 1 %, repeats included."""
    rows = (
        Transfer.objects.using(using)
        .filter(subject__in=subjects, decided_at__isnull=False)
        .exclude(outcome__in=_AWAITED)
        .exclude(why__in=FORGED)
        .values("subject")
        .annotate(
            known=Count("id"),
            given=Coalesce(Sum("body_bytes", filter=_GAVE), 0),
            smallest=Min("total", filter=_GAVE),
            gave=Count("id", filter=_GAVE),
            measured=Count("total", filter=_GAVE),
        )
    )
    return {
        row["subject"]: (
            row["known"],
            not row["gave"] or (row["gave"] == row["measured"] and 100 * row["given"] < row["smallest"]),
        )
        for row in rows
    }


def _give_back(reservation: Reservation, now: datetime, using: str) -> None:
    """Give the use back and end the reservation; change nothing if another hand-off came in the meantime."""
    same = Reservation.objects.using(using).filter(
        pk=reservation.pk, settled_at__isnull=True, requests=reservation.requests
    )
    with transaction.atomic(using=using):
        given = (
            Allowance.objects.using(using)
            .filter(pk=reservation.allowance_id, used__gt=0, given_back__lt=F("give_backs"))
            .update(used=F("used") - 1, given_back=F("given_back") + 1)
        )
        if not given:
            same.update(settled_at=now)
        elif not same.update(settled_at=now, given_back=True, ended_at=Coalesce("ended_at", now)):
            transaction.set_rollback(True, using=using)


def delete_settled(sender: object, *, before: datetime, **_: object) -> None:
    """Delete the reservations that were settled and have expired before `before`; a receiver of `post_prune`."""
    own = router.db_for_write(Reservation)
    Reservation.objects.using(own).filter(settled_at__lt=before, expires_at__lt=before).delete()
