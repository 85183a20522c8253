"""Reserve room for an upload, in the transaction that counts what its account has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Greatest

from xaccel.django.uploads.models import Account, State, Upload, uploads
from xaccel.features.uploads.decide import Refusal
from xaccel.features.uploads.decide import Upload as Decided
from xaccel.features.uploads.receive import NO_ROOM
from xaccel.site.site import Uploads

Quota = int | Callable[[], int] | None
"""Bytes that there is room for, or a function that counts them."""
_BUSY = Refusal(429, "too many uploads are under way: wait until one ends")
_TODAY = Refusal(429, "too many bytes in 24 hours: try again tomorrow")
LEAST = 4096
"""Bytes that each file counts at least in 24 hours: otherwise an account could store any number of empty files."""
_ALL = "*"
"""The account whose row is the lock of the limits of all accounts together."""


def reserve(
    upload: Decided,
    limits: Uploads,
    *,
    account: str,
    quota: Quota,
    on_stored: str,
    context: Mapping[str, Any],
    path: str = "",
) -> Refusal | None:
    """Store a row for an upload; or return why there is no room for it. path: of an upload in parts.

    All uploads of an account are counted one after the other, so that a quota is exact whatever comes at once.
    """
    now, every = datetime.now(UTC), uploads()
    using = every.db
    with transaction.atomic(using=using):
        rows = every.filter(account=account)
        for name, counted, most in (
            (_ALL, every, (limits.site_at_once, limits.site_bytes_a_day)),
            (account, rows, (limits.at_once, limits.bytes_a_day)),
        ):
            if any(most):
                lock(name, using)
                if refusal := _over(counted, upload.size, now, *most):
                    return refusal
        still_open = rows.filter(state=State.OPEN)
        used = _bytes(still_open) + max(upload.size, 1)  # a full account stores no empty file either
        if quota is not None and used > (quota() if callable(quota) else quota):
            return NO_ROOM
        values = upload._asdict() | {"id": UUID(upload.id)}
        every.create(**values, account=account, on_stored=on_stored, context=context, made_at=now, path=path)
    return None


def _over(
    rows: QuerySet[Upload], size: int, now: datetime, at_once: int | None, bytes_a_day: int | None
) -> Refusal | None:
    if at_once is not None and rows.filter(state=State.OPEN).count() >= at_once:
        return _BUSY
    recent = rows.filter(made_at__gt=now - timedelta(days=1), state__in=[State.OPEN, State.STORED])
    if bytes_a_day is not None and _bytes(recent, LEAST) + max(size, LEAST) > bytes_a_day:
        return _TODAY
    return None


def lock(account: str, using: str) -> None:
    """Let no other transaction count or settle uploads of this account. SQLite needs a write before the first read."""
    rows = Account.objects.using(using).filter(name=account)
    if not rows.update(uploads=F("uploads") + 1):
        Account.objects.using(using).bulk_create([Account(name=account)], ignore_conflicts=True)
        rows.update(uploads=F("uploads") + 1)


def _bytes(rows: QuerySet[Upload], least: int = 0) -> int:
    return rows.aggregate(total=Sum(Greatest("size", least)))["total"] or 0
