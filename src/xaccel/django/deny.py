"""Refusing a download, so that the refusal is recorded."""

from __future__ import annotations

from typing import Literal, NoReturn

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from xaccel.django.decision import asubject_of, atell, subject_of, tell
from xaccel.events import denied

DeniedStatus = Literal[403, 404]


def deny_download(
    request: HttpRequest,
    *,
    status: DeniedStatus = 403,
    origin: str = "",
    bucket: str = "",
    key: str = "",
    reason: str = "",
) -> NoReturn:
    """Send `download_denied` and end the request.

    `origin`, `bucket`, `key` and `reason` are for the record only; the user sees none of them. 404 hides that the file
    exists. A coroutine calls it in a thread: `await sync_to_async(deny_download)(request, …)`.

    Raises PermissionDenied, or Http404 for 404; ValueError for another status.
    """
    refusal = _refusal(status)
    tell(
        request,
        denied(
            request.method, subject=subject_of(request), origin=origin, bucket=bucket, key=key, reason=reason
        ),
    )
    raise refusal


async def adeny_download(
    request: HttpRequest,
    *,
    status: DeniedStatus = 403,
    origin: str = "",
    bucket: str = "",
    key: str = "",
    reason: str = "",
) -> NoReturn:
    """Like `deny_download`, in a coroutine."""
    refusal = _refusal(status)
    subject = await asubject_of(request)
    await atell(
        request, denied(request.method, subject=subject, origin=origin, bucket=bucket, key=key, reason=reason)
    )
    raise refusal


def _refusal(status: int) -> PermissionDenied | Http404:
    if status == 403:
        return PermissionDenied()
    if status == 404:
        return Http404()
    raise ValueError(f"a download is denied with 403 or 404, not {status!r}")
