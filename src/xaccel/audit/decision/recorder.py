"""Record each decision of the app as a row, before the response."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.http import HttpRequest

from xaccel.audit.conf import configuration
from xaccel.audit.decision.storable import indexable, without_nul
from xaccel.audit.models import Transfer
from xaccel.audit.outcome import Outcome, without_line
from xaccel.django.middleware import later
from xaccel.events import DownloadEvent
from xaccel.handoff.transfer_id import new_transfer_id


def client_of(request: HttpRequest) -> str:
    """Return which program asked: 16 hexadecimal digits over its User-Agent. The address is NGINX's to tell."""
    return sha256(request.headers.get("User-Agent", "").encode("utf-8", "surrogatepass")).hexdigest()[:16]


def record(sender: object, *, request: HttpRequest, event: DownloadEvent, **_: Any) -> None:
    """Store a decision. An error here stops the download: what cannot be recorded is not carried out."""
    awaited = event.allowed and event.transfer_id
    outcome = Outcome.GRANTED if awaited else without_line(allowed=event.allowed, reason=event.reason)
    row = Transfer(
        id=UUID(event.transfer_id or new_transfer_id(event.at)),
        outcome=outcome,
        decided_at=event.at,
        origin=event.origin,
        key=indexable(without_nul(event.object_name)),
        version=event.version,
        query=event.query,
        subject=indexable(without_nul(event.subject)),
        client=client_of(request),
        method=event.method,
        filename=without_nul(event.filename),
        as_attachment=event.as_attachment,
        reason=without_nul(event.reason),
        batch=None if outcome == Outcome.GRANTED else configuration().waiting,
    )
    using = router.db_for_write(Transfer)
    row.save(force_insert=True, using=using)
    if outcome == Outcome.DENIED and connections[using].in_atomic_block:
        # What ends the request as refused ends ATOMIC_REQUESTS' transaction too, and takes the row back.
        later(request, partial(_restore, row, using))


def _restore(row: Transfer, using: str) -> None:
    Transfer.objects.using(using).bulk_create([row], ignore_conflicts=True)
