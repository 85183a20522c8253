"""Events of decisions, the same for every framework, and their log entries."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack

logger = logging.getLogger("xaccel")
UPLOAD_METHODS = ("PUT", "PATCH", "DELETE")


class DeniedRecord(TypedDict, total=False):
    """The record of a denied download, as fields of `DownloadEvent`."""

    subject: str
    origin: str
    bucket: str
    key: str
    reason: str
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadEvent:
    """One decision, about a download or an upload, whose method is "PUT", "PATCH" or "DELETE".

    transfer_id: the id in NGINX's log entry; "" without one: for a denied download, and for 304 or 412 by the app.
    origin, key: the requested object. The key of a stored URL is its path below the origin's base, without the query.
    bucket: of an origin that covers many; else "".
    version: of the object's bytes, if the app knows one: cache_version, version_id or entity tag of the options.
    size: bytes of the object, if the app knows them.
    query: of a stored URL: the parameters of RECORDED_PARAMETERS, "#", and a keyed digest of all but signatures; ""
        without a query.
    ip: the client's address, if the app gave it with a denial; NGINX logs that of a download.
    reason: why a download is denied or allowed, if the app gave a reason; "304 by the app" or "412 by the app".
    at: aware, in UTC.
    archive: of an archive, its `xaccel.features.archives.layout.Layout`.
    """

    transfer_id: str = ""
    allowed: bool
    origin: str = ""
    key: str = ""
    method: str
    subject: str = ""
    filename: str = ""
    as_attachment: bool = False
    reason: str = ""
    at: datetime
    version: str = ""
    size: int | None = None
    bucket: str = ""
    query: str = ""
    ip: str = ""
    archive: Any = field(default=None, repr=False)

    @property
    def object_name(self) -> str:
        """Name of the object in its origin, as in the trail."""
        return object_name(self.bucket, self.key)


def object_name(bucket: str | None, key: str) -> str:
    """Return the name of an object in its origin: the key, after bucket and "/" if the origin covers many buckets."""
    return f"{bucket}/{key}" if bucket else key


def by_the_app(status: int) -> str:
    """Return the reason of an allowed download to which the app responded itself with `status`."""
    return f"{status} by the app"


def denied(method: str | None, **record: Unpack[DeniedRecord]) -> DownloadEvent:
    """Return the event of a download that is denied."""
    known = method if method in ("HEAD", *UPLOAD_METHODS) else "GET"
    return DownloadEvent(allowed=False, method=known, at=datetime.now(UTC), **record)
