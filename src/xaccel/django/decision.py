"""Record a decision: whom it is about, and the event for the signal's receivers and the log."""

from __future__ import annotations

from string import ascii_letters, digits, punctuation
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest

from xaccel.django.signals import download_authorized, download_denied
from xaccel.events import DownloadEvent, log_event

_PRINTABLE = ascii_letters + digits + punctuation


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
    return quote(str(user.pk), safe=_PRINTABLE)


def tell(request: HttpRequest, event: DownloadEvent) -> None:
    """Send `event` to its signal, then to the log. What a receiver raises stops the download."""
    signal = download_authorized if event.allowed else download_denied
    signal.send(sender=DownloadEvent, request=request, event=event)
    log_event(event)


async def atell(request: HttpRequest, event: DownloadEvent) -> None:
    """Like `tell`; Django runs receivers that are not coroutines in a thread."""
    signal = download_authorized if event.allowed else download_denied
    await signal.asend(sender=DownloadEvent, request=request, event=event)
    log_event(event)
