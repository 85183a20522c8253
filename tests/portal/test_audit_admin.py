"""The audit trail in the admin: read, filtered, searched, exported, never changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from xaccel.audit.models import Download, Transfer
from xaccel.transfer_id import new_transfer_id

pytestmark = pytest.mark.django_db

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
        "mixed": False,
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


def page(client: Client, model: str, **query: str) -> str:
    answer = client.get(f"/admin/xaccel_audit/{model}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_lists_show_and_filter(admin_client: Client) -> None:
    download("whole.pdf")
    download("part.pdf", sent_bytes=999, sent_complete=False, spans=[[0, 999]])
    transfer("denied.pdf", outcome="denied")
    transfer("old.pdf", decided_at=NOW - timedelta(days=400))
    text = page(admin_client, "download")
    assert "whole.pdf" in text
    assert "100 % of 1,000 bytes" in text
    assert "99.9 % of 1,000 bytes" in text
    text = page(admin_client, "download", sent_complete__exact="0")
    assert "part.pdf" in text
    assert "whole.pdf" not in text
    text = page(admin_client, "transfer", outcome__exact="denied")
    assert "denied.pdf" in text
    assert "old.pdf" not in text
    assert "old.pdf" in page(admin_client, "transfer", q="old.pdf")
    assert "old.pdf" not in page(admin_client, "transfer", origin="elsewhere")
    row = transfer("by-id.pdf")
    assert "by-id.pdf" in page(admin_client, "transfer", q=str(row.pk))
    assert "by-id.pdf" not in page(admin_client, "transfer", q="by-id")


def test_nobody_changes_anything(admin_client: Client) -> None:
    row = transfer("a.pdf")
    path = f"/admin/xaccel_audit/transfer/{row.pk}/"
    assert admin_client.get(f"{path}change/").status_code == 200
    assert admin_client.post(f"{path}change/", {"key": "b.pdf"}).status_code == 403
    assert admin_client.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/xaccel_audit/transfer/add/").status_code == 403


@pytest.mark.parametrize(("action", "kind"), [("as_csv", "text/csv"), ("as_json_lines", "application/jsonl")])
def test_what_is_chosen_is_exported(admin_client: Client, action: str, kind: str) -> None:
    chosen, other = transfer("=1+1"), transfer("other.pdf")
    answer = admin_client.post(
        "/admin/xaccel_audit/transfer/", {"action": action, "_selected_action": [str(chosen.pk)]}
    )
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert answer["Content-Type"].startswith(kind)
    assert str(chosen.pk) in text
    assert str(other.pk) not in text
    assert ("'=1+1" in text) == (action == "as_csv")
