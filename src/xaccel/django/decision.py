"""How a decision is told: one event, to the log and to the signal's receivers."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest

from xaccel.django.signals import download_authorized, download_denied
from xaccel.events import DownloadEvent, log_event
from xaccel.handoff import HandOff


def authorized(hand_off: HandOff, answered: int | None) -> DownloadEvent:
    """Return the event of a download that may go out.

    `answered` is the status with which the app answered the client's conditions itself: NGINX then writes no line, so
    that the event has no transfer id, and its reason says so.
    """
    return DownloadEvent(
        transfer_id=hand_off.transfer_id if answered is None else "",
        allowed=True,
        origin=hand_off.origin,
        bucket=hand_off.bucket,
        key=hand_off.key,
        method=hand_off.method,
        subject=hand_off.subject,
        filename=hand_off.filename,
        as_attachment=hand_off.as_attachment,
        reason="" if answered is None else f"{answered} by the app",
        at=datetime.now(UTC),
        version=hand_off.version,
        size=hand_off.size,
    )


def denied(
    request: HttpRequest, *, subject: str, origin: str, bucket: str, key: str, reason: str
) -> DownloadEvent:
    """Return the event of a download that is refused."""
    return DownloadEvent(
        transfer_id="",
        allowed=False,
        origin=origin,
        bucket=bucket,
        key=key,
        method="HEAD" if request.method == "HEAD" else "GET",
        subject=subject,
        filename="",
        as_attachment=False,
        reason=reason,
        at=datetime.now(UTC),
    )


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
