"""Record each decision of the app as a row, before the response."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections, router
from django.http import HttpRequest

from xaccel.audit.models import Transfer
from xaccel.audit.settings import audit_settings
from xaccel.audit.values import Outcome, address_of, indexable, storable
from xaccel.django.conf import recorded_bucket
from xaccel.django.decisions import run_after_view, unrecorded
from xaccel.events import DownloadEvent, by_the_app, object_name
from xaccel.handoff.identifiers import new_transfer_id


def outcome_of(event: DownloadEvent) -> Outcome:
    """Return the outcome of a decision before a log entry has come, or without one."""
    if not event.allowed:
        return Outcome.DENIED
    if event.transfer_id:
        return Outcome.GRANTED
    return Outcome.NOT_MODIFIED if event.reason == by_the_app(304) else Outcome.REFUSED


def _address(request: HttpRequest, event: DownloadEvent) -> str | None:
    """Return the client's address. Any client can send a header, so only the one that NGINX sets counts.

    NGINX appends to X-Forwarded-For: addresses before the last one come from the client.
    """
    header = audit_settings().address_header
    known = request.headers.get(header, "") if header else request.META.get("REMOTE_ADDR", "")
    try:
        return address_of((event.ip or known).rpartition(",")[2].strip())
    except ValueError:
        return None


def record(sender: object, *, request: HttpRequest, event: DownloadEvent, **_: Any) -> None:
    """Store a decision. An error here stops the download, so that each download is recorded.

    If the database is down, the user gets a 503.
    """
    outcome, agent = outcome_of(event), request.headers.get("User-Agent", "")
    row = Transfer(
        id=UUID(event.transfer_id or new_transfer_id(event.at)),
        outcome=outcome,
        decided_at=event.at,
        origin=event.origin,
        key=indexable(object_name(recorded_bucket(event.origin, event.bucket), event.key)),
        version=event.version,
        query=event.query,
        subject=indexable(event.subject),
        client=sha256(agent.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        method=event.method,
        filename=event.filename,
        as_attachment=event.as_attachment,
        reason=event.reason,
        ip=None if outcome == Outcome.GRANTED else _address(request, event),  # else NGINX logs it
        batch=None if outcome == Outcome.GRANTED else audit_settings().waiting,
    )
    for name, value in vars(row).items():
        if isinstance(value, str):
            setattr(row, name, storable(value))
    using = router.db_for_write(Transfer)
    try:
        if event.archive is None:
            row.save(force_insert=True, using=using)
        else:
            from xaccel.audit.archives import save_archive  # no worker without archives needs it

            save_archive(row, event.archive, using=using)
    except (OperationalError, InterfaceError):
        unrecorded(request)
        raise
    if outcome == Outcome.DENIED and connections[using].in_atomic_block:
        # The exception of a denial rolls back ATOMIC_REQUESTS' transaction, and the row with it.
        restore = partial(Transfer.objects.using(using).bulk_create, [row], ignore_conflicts=True)
        run_after_view(request, restore)
