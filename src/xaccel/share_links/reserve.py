"""Take a use of a share link before the hand-off, by one conditional UPDATE, so that the last use is taken once.

Never more than `limit` uses are taken, whatever arrives at the same time, and whether log entries are read or not. The
client may resume and seek during the reservation's lifetime, with at most `requests` hand-offs. A copy of its cookie
shares the same use.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import router, transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from xaccel.handoff.transfer_id import new_transfer_id
from xaccel.share_links.models import Allowance, Reservation

COOKIE = "xaccel_reservation"
LIFETIME = timedelta(hours=6)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


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
            COOKIE,
            self.secret,
            max_age=self.lifetime,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )


def reserve(
    request: HttpRequest, allowance: Allowance, *, version: str = "", lifetime: timedelta = LIFETIME
) -> Reserved | None:
    """Return the use that this client has, or take one; None if no use is left.

    version: identifies the object and its bytes; a reservation is for one version.
    lifetime: how long a use that is taken now lasts.

    HEAD takes no use and gets the response of a GET. Call `reserve` and `send_file` in one transaction: then an error
    between them takes no use.
    """
    now = datetime.now(UTC)
    using = router.db_for_write(Allowance)
    given = request.COOKIES.get(COOKIE, "")
    secret = given if _SECRET.fullmatch(given) else secrets.token_urlsafe(32)
    client = _Client(allowance, secret, version, now, lifetime, using)
    if request.method == "HEAD":
        return client.look()
    # The second go_on: another request of the same client took a use in the meantime, which is for both.
    return client.go_on() or client.take() or client.go_on()


@dataclass(frozen=True, slots=True)
class _Client:
    allowance: Allowance
    secret: str
    version: str
    now: datetime
    lifetime: timedelta
    using: str

    def open(self) -> QuerySet[Reservation]:
        return Reservation.objects.using(self.using).filter(
            allowance_id=self.allowance.pk,
            token=sha256(self.secret.encode()).hexdigest(),
            version=self.version,
            ended_at__isnull=True,
        )

    def good(self) -> QuerySet[Reservation]:
        return self.open().filter(expires_at__gt=self.now, requests__lt=self.allowance.requests)

    def free(self) -> QuerySet[Allowance]:
        return Allowance.objects.using(self.using).filter(pk=self.allowance.pk, used__lt=F("limit"))

    def go_on(self) -> Reserved | None:
        """Count one more hand-off of an open reservation."""
        row = self.good().values_list("id", "expires_at").first()
        if row is None or not self.good().filter(id=row[0]).update(
            requests=F("requests") + 1, last_at=self.now
        ):
            return None
        return Reserved(*row, self.lifetime, self.secret)

    def take(self) -> Reserved | None:
        """Take a use. Locks the allowance first and then the reservation, as `settle` does."""
        row = Reservation(
            id=UUID(new_transfer_id(self.now)),
            allowance_id=self.allowance.pk,
            token=sha256(self.secret.encode()).hexdigest(),
            version=self.version,
            made_at=self.now,
            last_at=self.now,
            expires_at=self.now + self.lifetime,
        )
        with transaction.atomic(using=self.using):
            if not self.free().update(used=F("used") + 1):
                return None
            over = Q(expires_at__lte=self.now) | Q(requests__gte=self.allowance.requests)
            self.open().filter(over).update(ended_at=self.now)
            Reservation.objects.using(self.using).bulk_create([row], ignore_conflicts=True)
            if not Reservation.objects.using(self.using).filter(id=row.id).exists():
                transaction.set_rollback(True, using=self.using)
                return None
        return Reserved(row.id, row.expires_at, self.lifetime, self.secret)

    def look(self) -> Reserved | None:
        """Return what a GET would get; no reservation has the id, since HEAD takes no use."""
        if not (self.good().exists() or self.free().exists()):
            return None
        return Reserved(UUID(new_transfer_id(self.now)), self.now + self.lifetime, self.lifetime, self.secret)
