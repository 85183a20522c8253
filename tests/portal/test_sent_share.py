"""The share of a file that was sent, as users see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from xaccel.audit.models import Transfer


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "in progress"),
        ({"outcome": "sent", "sent": 100, "total": 100}, "complete"),
        ({"outcome": "sent", "sent": 10, "total": 100}, "10 % of the file"),
        ({"outcome": "incomplete", "sent": 62, "details": {"sent_length": 100}}, "interrupted at 62 %"),
        ({"outcome": "incomplete", "sent": 0, "details": {"sent_length": 100}}, "interrupted"),
        ({"outcome": "refused", "status": 502}, "failed: the storage did not deliver the file"),
        ({"outcome": "refused", "status": 499, "why": "client_left"}, "cancelled before it began"),
        (
            {"outcome": "refused", "status": 412},
            "not sent: the file is another version than the one you have",
        ),
        (
            {"outcome": "unknown"},
            "unknown: you left at once, or the log entry was lost",
        ),
    ],
)
def test_the_list_says_how_much(mei: Any, signed_in: Any, file: Any, fields: Any, words: str) -> None:
    browser = signed_in(mei)
    answer = browser.get(reverse("download", args=[file.pk]))
    assert (
        Transfer.objects.filter(pk=UUID(answer["Xaccel-Id"])).update(**{"outcome": "granted", **fields}) == 1
    )
    page = browser.get("/downloads").content.decode()
    assert f'<span class="share">{words}</span>' in page


def test_the_list_has_no_uploads(mei: Any, signed_in: Any, file: Any) -> None:
    """Their rows in the trail have no file name."""
    browser = signed_in(mei)
    id_ = browser.get(reverse("download", args=[file.pk]))["Xaccel-Id"]
    Transfer.objects.filter(pk=UUID(id_)).update(method="PUT", outcome="stored", filename="")
    assert b"You have not downloaded anything yet" in browser.get("/downloads").content
