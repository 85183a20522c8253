"""Taking a use of a limited thing before the hand-off: by one conditional UPDATE, so that the last one goes once.

What holds, also while no line is taken in: never more uses are taken than `limit`, whatever comes at once. Who holds
one may resume and seek, for RESERVE_S seconds and `requests` hand-offs. Whoever has a copy of the cookie shares that
one use.
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

from xaccel.audit.conf import configuration
from xaccel.audit.models.allowances import Allowance, Reservation
from xaccel.handoff.transfer_id import new_transfer_id

COOKIE = "xaccel_reservation"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def subject_of(reservation: UUID) -> str:
    """Return the subject by which the transfers of a reservation are known."""
    return f"reservation-{reservation}"


@dataclass(frozen=True, slots=True)
class Reserved:
    """A use that the client of this request holds.

    expires_at: aware, in UTC. secret: what its cookie says; never stored here.
    """

    id: UUID
    expires_at: datetime
    secret: str = field(repr=False)

    @property
    def subject(self) -> str:
        """What `send_file` needs as `subject`: by it the lines are counted, and limits on transfers at once hold."""
        return subject_of(self.id)

    def remember(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Give the client the cookie by which it goes on in its reservation."""
        response.set_cookie(
            COOKIE,
            self.secret,
            max_age=configuration().reserve,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )


def reserve(request: HttpRequest, allowance: Allowance, *, version: str = "") -> Reserved | None:
    """Return the use that this client holds, or take one; None where none is left.

    `version` names the object and its bytes: a reservation is good for one. HEAD takes none, and is answered as if.
    Call it in the transaction in which `send_file` is called, and an error in between takes nothing.
    """
    conf, now = configuration(), datetime.now(UTC)
    using = router.db_for_write(Allowance)
    given = request.COOKIES.get(COOKIE, "")
    secret = given if _SECRET.fullmatch(given) else secrets.token_urlsafe(32)
    client = _Client(allowance, secret, version, now, conf.reserve, using)
    if request.method == "HEAD":
        return client.look()
    # The last: another request of the same client was faster, and what it took is good for both.
    return client.go_on() or client.take() or client.go_on()


@dataclass(frozen=True, slots=True)
class _Client:
    allowance: Allowance
    secret: str
    version: str
    now: datetime
    life: timedelta
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
        return Reserved(*row, self.secret)

    def take(self) -> Reserved | None:
        """Take a use. The order of locks is that of `settle`: first the allowance, then the reservation."""
        row = Reservation(
            id=UUID(new_transfer_id(self.now)),
            allowance_id=self.allowance.pk,
            token=sha256(self.secret.encode()).hexdigest(),
            version=self.version,
            made_at=self.now,
            last_at=self.now,
            expires_at=self.now + self.life,
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
        return Reserved(row.id, row.expires_at, self.secret)

    def look(self) -> Reserved | None:
        """Say what a GET would be told; the id is of no reservation, since nothing is handed off for it."""
        if not (self.good().exists() or self.free().exists()):
            return None
        return Reserved(UUID(new_transfer_id(self.now)), self.now + self.life, self.secret)
