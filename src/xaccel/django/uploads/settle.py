"""Settle an upload once, at the first report of its end: by NGINX, by the log entry, or by the sweep."""

from __future__ import annotations

from datetime import UTC, datetime
from pkgutil import resolve_name
from typing import Any
from uuid import UUID

from django.db import transaction

from xaccel.django.conf import configuration
from xaccel.django.uploads.models import State, Upload, uploads
from xaccel.django.uploads.reserve import lock
from xaccel.features.uploads.decide import Upload as Decided
from xaccel.features.uploads.look import delete, find
from xaccel.features.uploads.parts import cancel


def settle(id_: str | UUID, etag: str, **more: Any) -> Upload | None:
    """Mark an upload as stored and call its `on_stored`, both in one transaction; return its row. more: for the row.

    Called again, it only returns the row. None if the upload was released before, or is unknown: its object must go,
    if not at once then with the next sweep.
    """
    rows = uploads(pk=id_)
    values = {"state": State.STORED, "etag": etag, "settled_at": datetime.now(UTC), **more}
    with transaction.atomic(using=rows.db):
        is_first = rows.filter(state=State.OPEN).update(**values)
        row = rows.first()
        if row is not None and is_first:
            # a quota that is counted meanwhile must see both tables before or after
            lock(row.account, rows.db)
            if row.on_stored:
                resolve_name(row.on_stored)(row)
    if row is not None and row.state != State.STORED:
        delete_later(id_)
    return row if row is not None and row.state == State.STORED else None


def delete_later(id_: str | UUID) -> None:
    """Let a sweep delete the object of an upload that was given up, also if the last sweep found none."""
    given_up = uploads(pk=id_, state__in=[State.RELEASED, State.GONE])
    given_up.update(state=State.RELEASED, settled_at=datetime.now(UTC))


def release(id_: str | UUID) -> None:
    """Give the room of an upload back that was not stored."""
    uploads(pk=id_, state=State.OPEN).update(state=State.RELEASED, settled_at=datetime.now(UTC))


def look_again(row: Upload) -> State:
    """Settle an open upload by a HEAD request to the storage. Raises as `xaccel.features.uploads.look.find` does."""
    found = find(configuration().sender, decided(row))
    if found is not None and settle(row.pk, found.etag, crc32=found.crc32):
        return State.STORED
    release(row.pk)
    return State.RELEASED


def settle_by_entry(sender: object, *, transfer: Any, **_: Any) -> None:
    """Settle the upload of a log entry, if NGINX could not report its end to the app.

    A receiver of `transfer_completed`, which is sent again if the storage does not respond.
    """
    if transfer.method in ("PUT", "POST"):
        for row in Upload.objects.filter(pk=transfer.pk, state__in=[State.OPEN, State.GONE]):
            if row.state == State.OPEN:
                look_again(row)
            else:  # the storage may have stored it after the sweep
                delete_later(row.pk)


def forget_object(row: Upload) -> State:
    """Delete the object of an upload that was released, if one appeared, and all its parts.

    Raises as `xaccel.features.uploads.look.find` does.
    """
    if row.path:
        cancel(configuration().sender, decided(row))
    delete(configuration().sender, decided(row))
    # an object that came meanwhile has changed the row (`delete_later`)
    uploads(pk=row.pk, state=State.RELEASED, settled_at=row.settled_at).update(state=State.GONE)
    return State.GONE


def decided(row: Upload) -> Decided:
    """Return what the app decided."""
    values = {name: getattr(row, name) for name in Decided._fields}
    return Decided(**values | {"id": str(row.pk)})
