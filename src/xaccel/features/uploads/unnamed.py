"""List the objects and the uploads in parts that no upload names, for `xaccel sweep --list`."""

from __future__ import annotations

import http.client
from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from urllib.parse import quote

from xaccel.commands.printing import escape_word
from xaccel.errors import ConfigError, XaccelError
from xaccel.features.uploads.decide import Upload
from xaccel.features.uploads.look import list_pages
from xaccel.features.uploads.receive import locate
from xaccel.http_client.s3_xml import BadXml
from xaccel.sender import Sender


def unnamed(
    sender: Sender, origin: str, bucket: str, folder: str, *, until: datetime, named: Container[str]
) -> Iterator[str]:
    """Yield the keys of objects and of uploads in parts below a folder in S3, older than `until` and not in `named`.

    Each key is one word, see `escape_word`.

    named: the last part of each key, which is random: origins can share a bucket and differ in their prefix.
    The id of an upload in parts follows its key (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html,
    API_ListMultipartUploads.html). Raises ConfigError for a list that cannot be read to its end.
    """
    probe = Upload("(list)", origin, bucket, f"{folder}/x", 0, "", "", "")
    full = locate(sender, probe).bucket_and_key[1]
    for query in ("list-type=2", "uploads="):
        for entry in _entries(sender, probe, f"{query}&prefix={quote(full[:-1], safe='')}"):
            key = entry.get("Key", "")[len(full) - len(probe.key) :]
            begun = entry.get("LastModified") or entry.get("Initiated", "")
            try:
                is_old = datetime.fromisoformat(begun) <= until
            except (TypeError, ValueError) as error:
                raise _unreadable(origin, f"{begun!r} of {key!r} is no time with a zone") from error
            if is_old and key.rpartition("/")[2] not in named:
                yield " ".join(map(escape_word, filter(None, (key, entry.get("UploadId")))))


def _entries(sender: Sender, probe: Upload, query: str) -> Iterator[Mapping[str, str]]:
    """Yield the texts of each entry of a list, which comes in pages."""
    try:
        for entries in list_pages(sender, probe, query):
            yield from entries
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, XaccelError):
            raise
        why = str(error) if isinstance(error, BadXml) else f"{type(error).__name__}: {error}".strip()
        raise _unreadable(probe.origin, why) from error


def _unreadable(origin: str, why: str) -> ConfigError:
    what = f"the storage's list of objects cannot be read: {why}"
    return ConfigError(what, where=f"origin {origin}", remedy="List the bucket with the storage's own tool.")
