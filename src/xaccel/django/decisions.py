"""Report each decision of the app once: to the receivers of its signal, then to the log. Hold what waits for its view.

Receivers get `request` and `event` (`xaccel.events.DownloadEvent`). The sender is `DownloadEvent`. An exception in a
receiver stops the download: a decision that an audit could not record is not carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters, digits, punctuation
from typing import Any, NoReturn, Unpack
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.dispatch import Signal
from django.http import Http404, HttpRequest, HttpResponse

from xaccel.decisions import DeniedStatus, log_event
from xaccel.events import DeniedRecord, DownloadEvent, denied
from xaccel.site.protocol import UPLOAD_FORM

download_authorized = Signal()
"""A user may have a file, and the response that sends it is about to be returned."""

download_denied = Signal()
"""A user may not have a file."""

AFTER_VIEW = "xaccel.after_view"
UNRECORDED = "xaccel.unrecorded"
"""Keys of the request's META, because REST framework wraps the request."""

_PRINTABLE = ascii_letters + digits + punctuation


def deny_download(
    request: HttpRequest, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
) -> NoReturn:
    """Send `download_denied` and end the request. 404 hides that the file exists; `record` is for the record only.

    `subject` is the user's primary key unless you give another one.

    Raises PermissionDenied, or Http404 for 404; ValueError for another status.
    """
    if status not in (403, 404):
        raise ValueError(f"a download is denied with 403 or 404, not {status!r}")
    if "subject" not in record:
        record["subject"] = subject_of(getattr(request, "user", None))
    begins = "Upload-Complete" in request.headers or UPLOAD_FORM in request.GET  # parts, or a form
    method = "PUT" if begins and request.method == "POST" else request.method
    send_decision(request, denied(method, **record))
    raise PermissionDenied if status == 403 else Http404


async def adeny_download(
    request: HttpRequest, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
) -> NoReturn:
    """Like `deny_download`, in an async view."""
    await sync_to_async(deny_download)(request, status=status, **record)


def subject_of(user: Any) -> str:
    """Return a user's primary key as text; "" for an anonymous user and for None."""
    return "" if user is None or not user.is_authenticated else quote(str(user.pk), safe=_PRINTABLE)


def send_decision(request: HttpRequest, event: DownloadEvent) -> None:
    """Send `event` to its signal, then to the log. An exception in a receiver stops the download."""
    (download_authorized if event.allowed else download_denied).send(
        sender=DownloadEvent, request=request, event=event
    )
    log_event(event)


async def asend_decision(request: HttpRequest, event: DownloadEvent) -> None:
    """Like `send_decision`; Django runs receivers that are not coroutines in a thread."""
    await (download_authorized if event.allowed else download_denied).asend(
        sender=DownloadEvent, request=request, event=event
    )
    log_event(event)


class ForNginx(HttpResponse):
    """A response whose private headers are for NGINX, and no hand-off."""


def unrecorded(request: HttpRequest) -> None:
    """Turn the exception that follows into a 503."""
    request.META[UNRECORDED] = True


def run_after_view(request: HttpRequest, do: Callable[[], object]) -> None:
    """Call `do` after the view, even after a rollback of its transaction. Its exception replaces the response."""
    request.META.setdefault(AFTER_VIEW, []).append(do)


def finish_view(request: HttpRequest) -> None:
    """Call what `run_after_view` was given."""
    for do in request.META.pop(AFTER_VIEW, ()):
        do()
