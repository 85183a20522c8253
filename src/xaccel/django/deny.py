"""Refusing a download, so that the refusal is recorded."""

from __future__ import annotations

from typing import NoReturn, Unpack

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from xaccel.adapter import DeniedRecord, DeniedStatus
from xaccel.django.decision import asubject_of, atell, subject_of, tell
from xaccel.events import denied


def deny_download(
    request: HttpRequest, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
) -> NoReturn:
    """Send `download_denied` and end the request. 404 hides that the file exists; `record` is for the record only.

    `subject` is the user's primary key unless you give another one.

    Raises PermissionDenied, or Http404 for 404; ValueError for another status.
    """
    refusal = _refusal(status)
    if "subject" not in record:
        record["subject"] = subject_of(request)
    tell(request, denied(request.method, **record))
    raise refusal


async def adeny_download(
    request: HttpRequest, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
) -> NoReturn:
    """Like `deny_download`, in a coroutine."""
    refusal = _refusal(status)
    if "subject" not in record:
        record["subject"] = await asubject_of(request)
    await atell(request, denied(request.method, **record))
    raise refusal


def _refusal(status: int) -> PermissionDenied | Http404:
    if status == 403:
        return PermissionDenied()
    if status == 404:
        return Http404()
    raise ValueError(f"a download is denied with 403 or 404, not {status!r}")
