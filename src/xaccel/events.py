"""What is told of each decision, whatever the framework."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

logger = logging.getLogger("xaccel")


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadEvent:
    """One decision.

    transfer_id: the id in NGINX's log line; "" where it has none: denied, or answered 304 or 412 by the app.
    origin, key: what was asked for; of a stored URL the key is the URL's path.
    bucket: which one, where the origin covers many; else "".
    version: of the object's bytes, as far as the app knows one: identity, version_id or entity tag of the options.
    size: bytes of the object, if the app knows them.
    reason: why it was denied, or "304 by the app"; "" for a file that is sent.
    at: aware, in UTC.
    """

    transfer_id: str
    allowed: bool
    origin: str
    key: str
    method: str
    subject: str
    filename: str
    as_attachment: bool
    reason: str
    at: datetime
    version: str = ""
    size: int | None = None
    bucket: str = ""

    @property
    def object_name(self) -> str:
        """The key, behind bucket and "/" where the origin covers many buckets: what names one object of an origin."""
        return f"{self.bucket}/{self.key}" if self.bucket else self.key


def log_event(event: DownloadEvent) -> None:
    """Write `event` to the logger "xaccel" at level INFO, its fields under `extra["xaccel"]`."""
    logger.info(
        "download %s: origin=%s id=%s subject=%r",
        "authorized" if event.allowed else "denied",
        event.origin,
        event.transfer_id,
        event.subject,
        extra={"xaccel": event},
    )
