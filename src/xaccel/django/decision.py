"""How a decision is told: one event, to the signal's receivers and to the log."""

from __future__ import annotations

from django.http import HttpRequest

from xaccel.django.signals import download_authorized, download_denied
from xaccel.events import DownloadEvent, log_event


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
