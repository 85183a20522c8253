"""Whom limits and audit mean: the user who is logged in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest

from xaccel.site.header_rules import header_value_ok


def subject_of(request: HttpRequest) -> str:
    """Return the user's primary key as text, or "" for an anonymous user and where there are no users."""
    return _subject(getattr(request, "user", None))


async def asubject_of(request: HttpRequest) -> str:
    """Like `subject_of`, without a database query in the event loop."""
    if hasattr(request, "auser"):
        return _subject(await request.auser())
    return _subject(getattr(request, "user", None))


def _subject(user: Any) -> str:
    if user is None or not user.is_authenticated:
        return ""
    text = str(user.pk)
    return text if header_value_ok(text) else quote(text)
