"""The name of a cache entry: one part for the object, one for its version."""

from __future__ import annotations

from hashlib import sha256


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
