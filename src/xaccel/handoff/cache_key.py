"""The name of a cache entry, one part for the object and one for the version of its bytes."""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import quote

from xaccel.errors import OptionRefused
from xaccel.site.origins import Origin, S3Origin

_VERSION = re.compile(r"[!-~]{1,1024}")


def object_part(site_name: str, origin_name: str, url: str) -> str:
    """Return the part that all entries of one object share: 64 hexadecimal digits.

    `url` is unsigned and holds endpoint, bucket, object key and query, byte for byte as asked for. Two sites, origins,
    buckets or keys never share it, and neither signature nor user is in it.
    """
    return _digest(site_name, origin_name, url)


def cache_key(site_name: str, origin_name: str, url: str, version: str) -> str:
    """Return the name of one entry: the object's part, "-", and the version's."""
    return f"{object_part(site_name, origin_name, url)}-{version_part(version)}"


def version_part(version: str) -> str:
    """Return the part that tells the versions of one object apart: 64 hexadecimal digits."""
    return _digest(version)


def _digest(*parts: str) -> str:
    """Lengths stand before the parts, so that no two lists of parts spell the same text."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


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
