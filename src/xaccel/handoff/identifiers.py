"""Names of one transfer and of one cache entry: the transfer id, and the cache key with its two parts."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from xaccel.errors import OptionRefused
from xaccel.site.origins import Origin, S3Origin

PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
"""The regular expression for a transfer id in NGINX: a UUID of version 7 (RFC 9562 section 5.7)."""

SENT_PATTERN = PATTERN.removesuffix("-[0-9a-f]{12}")
"""The part of an id that NGINX sends to the origin. The last 48 bits stay secret: the whole id marks a hand-off."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VARIANT = {digit: f"{int(digit, 16) & 3 | 8:x}" for digit in "0123456789abcdef"}
_VERSION = re.compile(r"[!-~]{1,1024}")


def new_transfer_id(now: datetime) -> str:
    """Return a new id in the canonical form; later ones sort later, to the millisecond."""
    return transfer_id_at((now - _EPOCH) // _MILLISECOND)


def transfer_id_at(milliseconds: int) -> str:
    """Return a new id for a moment in milliseconds since 1970."""
    time, random = f"{milliseconds & (2**48 - 1):012x}", os.urandom(10).hex()
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"


def cache_key(site_name: str, origin_name: str, url: str, version: str) -> str:
    """Return the key of one entry: 64 hexadecimal digits for the object, "-", and as many for the version.

    `url` is unsigned and has endpoint, bucket, object key and query, byte for byte as requested. Two sites, origins,
    buckets or keys never share the first part, and neither signature nor user is in it.
    """
    return f"{_digest(site_name, origin_name, url)}-{_digest(version)}"


def _digest(*parts: str) -> str:
    """Hash the parts, each after its length, so that no two lists of parts spell the same text."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def version_query(origin: Origin, version_id: str) -> str:
    """Return the query that requests one version.

    Raises OptionRefused for an origin without versions, and for an invalid id
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html).
    """
    if not isinstance(origin, S3Origin):
        what = "only the objects of an S3 origin have versions"
        raise OptionRefused(what, where="version_id", remedy="Leave it out, or name it in the key.")
    if not isinstance(version_id, str) or not _VERSION.fullmatch(version_id):
        remedy = "Give it as the storage spells it: 1 to 1024 characters of printable ASCII."
        raise OptionRefused(f"{version_id!r} is not a version id", where="version_id", remedy=remedy)
    return f"?versionId={quote(version_id, safe='')}"
