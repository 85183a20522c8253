"""A stored key or file name that cannot be sent: recorded as denied, and a 404 unless the view catches it."""

from __future__ import annotations

from django.http import Http404

from xaccel import errors
from xaccel.events import DownloadEvent, denied, logger

DATA_REFUSED = (errors.KeyRefused, errors.FileNameRefused)
"""What is wrong with the stored data, and not with the program or the settings."""


class KeyRefused(errors.KeyRefused, Http404):
    """`xaccel.KeyRefused`, which Django answers with 404."""


class FileNameRefused(errors.FileNameRefused, Http404):
    """`xaccel.errors.FileNameRefused`, which Django answers with 404."""


def not_found(refused: errors.InputRefused) -> errors.InputRefused:
    """Return `refused` as an exception that Django answers with 404."""
    kind = KeyRefused if isinstance(refused, errors.KeyRefused) else FileNameRefused
    return kind(refused.what, where=refused.where, remedy=refused.remedy)


def refusal_event(
    method: str | None, refused: errors.InputRefused, *, subject: str, origin: str, bucket: str, key: str
) -> DownloadEvent:
    """Return the event of a download that is denied because of `refused`, and log what is wrong."""
    logger.warning("a download was answered with 404: %s", refused)
    return denied(
        method,
        subject=subject,
        origin=origin,
        bucket=bucket,
        key=key.encode("utf-8", "replace").decode("utf-8"),
        reason=type(refused).__name__,
    )
