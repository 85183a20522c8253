"""Rows of the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from xaccel.audit.models import Download, Transfer
from xaccel.handoff.identifiers import new_transfer_id

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def download(key: str, **fields: Any) -> Download:
    said: dict[str, Any] = {
        "id": UUID(new_transfer_id(NOW)),
        "subject": "7",
        "origin": "documents",
        "key": key,
        "version": "v1",
        "client": "c",
        "group": UUID(int=1),
        "opened_at": NOW,
        "last_at": NOW,
        "transfers": 1,
        "total": 1000,
        "sent_bytes": 1000,
        "given_bytes": 1000,
        "spans": [[0, 1000]],
        "sent_complete": True,
    }
    return Download.objects.create(**{**said, **fields})


def transfer(key: str, **fields: Any) -> Transfer:
    said: dict[str, Any] = {
        "id": UUID(new_transfer_id(NOW)),
        "outcome": "sent",
        "decided_at": NOW,
        "origin": "documents",
        "key": key,
        "version": "v1",
        "subject": "7",
        "method": "GET",
        "as_attachment": True,
    }
    return Transfer.objects.create(**{**said, **fields})
