"""The decision about a download as an event and a log entry: allowed, denied, or refused for invalid arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Unpack

from xaccel.errors import FileNameRefused, InputRefused, KeyRefused
from xaccel.events import UPLOAD_METHODS, DeniedRecord, DownloadEvent, by_the_app, denied, logger
from xaccel.handoff.builder import HandOff
from xaccel.handoff.headers import Answer, plain_response

DeniedStatus = Literal[403, 404]
DATA_REFUSED = (KeyRefused, FileNameRefused)
"""Errors of stored data, not of the program or the settings."""


def authorized(hand_off: HandOff, status: int) -> DownloadEvent:
    """Return the event of an allowed download.

    If `status` is 304 or 412, the app responded to the client's conditions itself. NGINX then writes no log entry, so
    the event has no transfer id.
    """
    if status in (304, 412):
        return replace(hand_off.event, transfer_id="", reason=by_the_app(status))
    return hand_off.event


def log_event(event: DownloadEvent) -> None:
    """Write `event` to the logger "xaccel", its fields under `extra["xaccel"]`.

    The level is INFO, and WARNING for a download that is denied: Python prints that even if no logging is configured.
    """
    extra, kind = {"xaccel": event}, "upload" if event.method in UPLOAD_METHODS else "download"
    if event.allowed:
        text = "%s authorized: origin=%s id=%s subject=%r"
        logger.info(text, kind, event.origin, event.transfer_id, event.subject, extra=extra)
    else:
        given = {"origin": event.origin, "key": event.object_name}
        given |= {"subject": event.subject, "reason": event.reason}
        said = " ".join(f"{name}={value!r}" for name, value in given.items() if value)
        said = said or "deny_download got no key, subject or reason"
        logger.warning("%s denied: %s", kind, said, extra=extra)


def record_denial(method: str, status: DeniedStatus, record: DeniedRecord) -> Answer:
    """Log a download that is denied with `status`, and return the plain response for it.

    Raises ValueError for another status than 403 and 404.
    """
    if status not in (403, 404):
        raise ValueError(f"a download is denied with 403 or 404, not {status!r}")
    log_event(denied(method, **record))
    return plain_response(status, method)


def refusal_event(method: str | None, refused: InputRefused, **record: Unpack[DeniedRecord]) -> DownloadEvent:
    """Return the event of a download that is denied because of `refused`, and log what is wrong."""
    logger.warning("a download was refused with 404: %s", refused)
    record["key"] = record["key"].encode("utf-8", "replace").decode("utf-8")
    record["reason"] = type(refused).__name__
    return denied(method, **record)


def log_refusal(refused: InputRefused, method: str, key: str | None, arguments: Mapping[str, Any]) -> int:
    """Log `refused`, and return the status for it.

    An invalid stored key or name is 404, and recorded as denied. Any other one is a mistake in the call: 400, with the
    traceback in the log.
    """
    if isinstance(refused, DATA_REFUSED):
        record: dict[str, Any] = {name: arguments.get(name) or "" for name in ("subject", "origin", "bucket")}
        log_event(refusal_event(method, refused, key=key or "", **record))
        return 404
    logger.error("a download was refused with 400: %s", refused, exc_info=refused)
    return 400
