"""From the library's signals to rows of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest

from portal.files.client_address import client_address
from portal.files.models import Decision, File
from xaccel.django import download_authorized, download_denied

if TYPE_CHECKING:
    from xaccel.events import DownloadEvent


def connect() -> None:
    """Record every decision; connecting twice changes nothing."""
    for signal in (download_authorized, download_denied):
        signal.connect(record, dispatch_uid="portal.files.decision_log")


def record(sender: Any, *, request: HttpRequest, event: DownloadEvent, **kwargs: Any) -> None:
    """Add the row of `event`.

    It runs inside the request and its errors are the request's: what cannot be recorded is not delivered.
    """
    user = request.user
    file = _requested_file(request)
    Decision.objects.create(
        at=event.at,
        transfer_id=event.transfer_id,
        user=user if user.is_authenticated else None,
        username=user.get_username(),
        file=file,
        file_name=file.name if file else "",
        allowed=event.allowed,
        reason=event.reason,
        method=event.method,
        as_attachment=event.as_attachment,
        ip=client_address(request),
        user_agent=request.headers.get("User-Agent", "").replace("\0", "")[:200],
    )


def _requested_file(request: HttpRequest) -> File | None:
    match = request.resolver_match
    pk = match.kwargs.get("pk") if match else None
    return File.objects.filter(pk=pk).first() if isinstance(pk, UUID) else None
