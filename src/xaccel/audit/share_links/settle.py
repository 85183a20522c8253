"""Giving a use back where nearly nothing was sent: decided once for each reservation, when its lines are in."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Min, Q, Sum
from django.db.models.functions import Coalesce

from xaccel.audit.conf import Configuration
from xaccel.audit.models import Transfer
from xaccel.audit.models.allowances import Allowance, Reservation
from xaccel.audit.outcome import FORGED, GAVE_BYTES, Outcome
from xaccel.audit.share_links.reserve import subject_of

_AWAITED = (Outcome.GRANTED, Outcome.UNKNOWN)
_GAVE = Q(outcome__in=GAVE_BYTES)


def settle(conf: Configuration, *, now: datetime, using: str) -> int:
    """Give back the uses of reservations that are over or idle and of which less than 1 % was sent. Return how many.

    Every hand-off must have its line: what is still under way is unknown, and may be the whole file. Where a line never
    comes, the use stays taken.
    """
    unsettled = Reservation.objects.using(using).filter(settled_at__isnull=True)
    idle = Q(ended_at__isnull=False) | Q(expires_at__lte=now) | Q(last_at__lt=now - conf.idle)
    count = 0
    for reservation in unsettled.filter(idle).iterator():
        known, little = _sent(reservation, using)
        late = reservation.last_at < now - conf.idle - conf.unknown_after
        if known == reservation.requests and little:
            count += _give_back(reservation, now, using)
        elif not little or late:
            unsettled.filter(pk=reservation.pk).update(settled_at=now)
    return count


def _sent(reservation: Reservation, using: str) -> tuple[int, bool]:
    """Return how many hand-offs are over, and whether those sent less than 1 % together; repeats count."""
    found = (
        Transfer.objects.using(using)
        .filter(subject=subject_of(reservation.pk), decided_at__isnull=False)
        .exclude(outcome__in=_AWAITED)
        .exclude(why__in=FORGED)
        .aggregate(
            known=Count("id"),
            sent=Coalesce(Sum("body_bytes", filter=_GAVE), 0),
            smallest=Min("total", filter=_GAVE),
            gave=Count("id", filter=_GAVE),
            measured=Count("total", filter=_GAVE),
        )
    )
    if not found["gave"]:
        return found["known"], True
    measured = found["gave"] == found["measured"]
    return found["known"], measured and 100 * found["sent"] < found["smallest"]


def _give_back(reservation: Reservation, now: datetime, using: str) -> bool:
    """Give one back and end it, or leave all as it is: a hand-off that came meanwhile counts one request more."""
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
            return False
        if not same.update(settled_at=now, given_back=True, ended_at=Coalesce("ended_at", now)):
            transaction.set_rollback(True, using=using)
            return False
    return True
