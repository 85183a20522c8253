"""How a decision is recorded: a row in the request, or no database write there at all."""

from __future__ import annotations

import fcntl
import json
import os
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.http import HttpRequest

from xaccel.audit.conf import configuration
from xaccel.audit.decision.note import Decision, note_of
from xaccel.audit.decision.storable import indexable, without_nul
from xaccel.audit.models import OF_THE_APP, Transfer
from xaccel.audit.outcome import Outcome, without_line
from xaccel.django import after_view
from xaccel.events import DownloadEvent
from xaccel.handoff.transfer_id import new_transfer_id


def client_of(request: HttpRequest) -> str:
    """Return which program asked: 16 hexadecimal digits over its User-Agent. The address is NGINX's to tell."""
    return sha256(request.headers.get("User-Agent", "").encode("utf-8", "surrogatepass")).hexdigest()[:16]


def record(sender: object, *, request: HttpRequest, event: DownloadEvent, **_: Any) -> None:
    """Take a decision down. What it raises stops the download: what cannot be recorded is not carried out."""
    conf = configuration()
    if conf.record == "request":
        _row(request, event)
    elif not event.transfer_id:
        append(conf.decisions, request, event)


def _row(request: HttpRequest, event: DownloadEvent) -> None:
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
        sealed=None if outcome == Outcome.GRANTED else configuration().unsealed,
    )
    using = router.db_for_write(Transfer)
    _store(row, using)
    if outcome == Outcome.DENIED and connections[using].in_atomic_block:
        # What ends the request as refused ends ATOMIC_REQUESTS' transaction too, and takes the row back.
        after_view.later(request, partial(_store, row, using))


def _store(row: Transfer, using: str) -> None:
    # The line may be here already: what it says stays, and the app's half is added.
    Transfer.objects.using(using).bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[*OF_THE_APP, *(["version"] if row.version else [])],
    )


def append(path: str, request: HttpRequest, event: DownloadEvent) -> None:
    """Write a decision that no line of NGINX follows to a file of the app's own: one line, one write.

    Raises OSError.
    """
    line = {
        "decided": event.at.timestamp(),
        "id": new_transfer_id(event.at),
        "allowed": event.allowed,
        "origin": event.origin,
        "subject": event.subject,
        "method": event.method,
        "note": note_of(_decision(request, event)),
    }
    text = f"{json.dumps(line)}\n".encode("ascii")
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Several processes append: a line that another one is writing looks torn until it is whole.
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            if _torn(file):
                text = b"\n" + text
            while text:  # a full disk takes a part, and says so when it is given the rest
                text = text[os.write(file, text) :]
        finally:
            # A process that another thread forked meanwhile holds the file too: closing it here would not unlock it.
            fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)


def _torn(file: int) -> bool:
    """Tell whether the last line has no end, since the disk was full: what follows would be lost with it."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _decision(request: HttpRequest, event: DownloadEvent) -> Decision:
    return Decision(
        event.at,
        event.object_name,
        event.version,
        client_of(request),
        event.filename,
        event.as_attachment,
        event.reason,
        event.query,
    )


def note(request: HttpRequest, event: DownloadEvent) -> str:
    """Return what travels in NGINX's line; "" where a row is made in the request."""
    if configuration().record == "request" or not event.transfer_id:
        return ""
    return note_of(_decision(request, event))
