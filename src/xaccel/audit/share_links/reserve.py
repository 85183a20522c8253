"""Take a use of a share link before the hand-off, by one conditional UPDATE, so that the last use is taken once.

Never more than `limit` uses are taken, whatever arrives at the same time, and whether log entries are read or not. The
client may resume and seek during the reservation's lifetime, with at most `requests` hand-offs. A copy of its cookie
shares the same use.

A use is given back if nearly nothing was sent: decided once for each reservation, when its log entries are stored.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from uuid import UUID

from django.db import router, transaction
from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from xaccel.audit.models import Transfer
from xaccel.audit.settings import AuditSettings
from xaccel.audit.share_links.models import Allowance, Reservation
from xaccel.audit.values import FORGED, GAVE_BYTES, Outcome, storable
from xaccel.handoff.identifiers import new_transfer_id

SHARE_COOKIE = "xaccel_reservation"
LIFETIME = timedelta(hours=6)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_AT_ONCE = 500
"""Reservations in one query, which has a parameter for each: SQLite before 3.32 takes 999."""
_AWAITED = (Outcome.GRANTED, Outcome.UNKNOWN)
_GAVE = Q(outcome__in=GAVE_BYTES)


def subject_of(reservation: UUID) -> str:
    """Return the subject that the transfers of a reservation have."""
    return f"reservation-{reservation}"


@dataclass(frozen=True, slots=True)
class Reserved:
    """A use that the client of this request has.

    expires_at: aware, in UTC. lifetime: of the cookie. secret: the cookie's value, which is not stored on the server.
    """

    id: UUID
    expires_at: datetime
    lifetime: timedelta
    secret: str = field(repr=False)

    @property
    def subject(self) -> str:
        """The `subject` for `send_file`: log entries and the limit on concurrent transfers are counted by it."""
        return subject_of(self.id)

    def remember(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Set the cookie with which the client continues its reservation."""
        response.set_cookie(
            SHARE_COOKIE,
            self.secret,
            max_age=self.lifetime,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )


def reserve(
    request: HttpRequest, allowance: Allowance, *, version: str = "", lifetime: timedelta = LIFETIME
) -> Reserved | None:
    """Return the use that this client has, or take one; None if no use is left or the link has ended.

    version: identifies the object and its bytes; a reservation is for one version.
    lifetime: how long a use that is taken now lasts.

    A limit of 0 and `valid_until` end the uses that are taken; another limit does not. HEAD takes no use and gets the
    response of a GET. Call `reserve` and `send_file` in one transaction: then an error between them takes no use. For
    example:

        def shared(request, link):
            with transaction.atomic():
                use = reserve(request, link.allowance, version=link.version)
                response = use and send_file(request, link.file, subject=use.subject, cache_version=link.version)
            if use is None:
                deny_download(request, key=link.file.name, reason="the link is used up")
            use.remember(request, response)
            return response
    """
    now, using, version = datetime.now(UTC), router.db_for_write(Allowance), storable(version)
    given = request.COOKIES.get(SHARE_COOKIE, "")
    if allowance.valid_until is not None and allowance.valid_until <= now:
        return None
    secret = given if _SECRET.fullmatch(given) else secrets.token_urlsafe(32)
    new = Reservation(
        id=UUID(new_transfer_id(now)),
        allowance_id=allowance.pk,
        token=sha256(secret.encode()).hexdigest(),
        version=version,
        made_at=now,
        last_at=now,
        expires_at=now + lifetime,
    )
    mine = Reservation.objects.using(using).filter(
        allowance_id=allowance.pk, token=new.token, version=version, ended_at__isnull=True
    )
    most = allowance.requests if allowance.limit > 0 else 0
    good = mine.filter(expires_at__gt=now, requests__lt=most)
    free = Allowance.objects.using(using).filter(pk=allowance.pk, used__lt=F("limit"))
    if request.method == "HEAD":
        found = new if good.exists() or free.exists() else None
    else:
        # The second _go_on: another request of the same client took a use in the meantime, which is for both.
        found = _go_on(good, now) or _take(new, free, mine, allowance.requests, using) or _go_on(good, now)
    return Reserved(found.id, found.expires_at, lifetime, secret) if found else None


def _go_on(good: QuerySet[Reservation], now: datetime) -> Reservation | None:
    """Count one more hand-off of an open reservation."""
    row = good.first()
    if row is None or not good.filter(id=row.id).update(requests=F("requests") + 1, last_at=now):
        return None
    return row


def _take(
    new: Reservation, free: QuerySet[Allowance], mine: QuerySet[Reservation], requests: int, using: str
) -> Reservation | None:
    """Take a use. Locks the allowance first and then the reservation, as `settle` does."""
    with transaction.atomic(using=using):
        if not free.update(used=F("used") + 1):
            return None
        over = Q(expires_at__lte=new.made_at) | Q(requests__gte=requests)
        mine.filter(over).update(ended_at=new.made_at)
        Reservation.objects.using(using).bulk_create([new], ignore_conflicts=True)
        if not Reservation.objects.using(using).filter(id=new.id).exists():
            transaction.set_rollback(True, using=using)
            return None
    return new


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
