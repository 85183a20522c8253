"""The version of an S3 object: how it is asked for, and what it says about the bytes."""

from __future__ import annotations

import re
from urllib.parse import quote

from xaccel.errors import OptionRefused
from xaccel.site.origins import Origin, S3Origin

_VERSION = re.compile(r"[!-~]{1,1024}")


def version_query(origin: Origin, version_id: str | None) -> str:
    """Return the query that asks for one version, "" for the newest.

    Raises OptionRefused for an origin without versions, and for what is no id
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html).
    """
    if not version_id:
        return ""
    if not isinstance(origin, S3Origin):
        raise OptionRefused(
            "only the objects of an S3 origin have versions",
            where="version_id",
            remedy="Leave it out, or name the version in the key.",
        )
    if not isinstance(version_id, str) or not _VERSION.fullmatch(version_id):
        raise OptionRefused(
            f"{version_id!r} is not the id of a version",
            where="version_id",
            remedy="Give it as the store spells it: 1 to 1024 characters of printable ASCII.",
        )
    return f"?versionId={quote(version_id, safe='')}"


def whole_version(cache_version: str | None, version_id: str | None) -> str:
    """Return what names the bytes for the cache, "" where nothing does.

    The version "null" says nothing: it is written anew while versioning is off or suspended.
    """
    if not version_id or version_id == "null":
        return cache_version or ""
    return f"{version_id}\n{cache_version or ''}"
