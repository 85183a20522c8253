"""Find the object of an upload, at the storage or in a directory, or delete it; list the objects of no upload."""

from __future__ import annotations

import http.client
from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from urllib.parse import quote

from xaccel.errors import ConfigError, XaccelError
from xaccel.handoff.objects import Located
from xaccel.http_client.exchange import Exchange
from xaccel.http_client.origin import ask_origin
from xaccel.sender import Sender
from xaccel.signing.signer import Pairs
from xaccel.site.origins import LocalOrigin, S3Origin
from xaccel.uploads import directory
from xaccel.uploads.decide import CRC32, Upload, is_crc32
from xaccel.uploads.receive import locate
from xaccel.uploads.s3_xml import MAX_BYTES, BadXml, read_elements

AWAY = (XaccelError, OSError, ValueError, http.client.HTTPException)
"""Raised by a request if the storage does not respond as it should."""
_NEXT = (
    ("continuation-token", "NextContinuationToken"),
    ("key-marker", "NextKeyMarker"),
    ("upload-id-marker", "NextUploadIdMarker"),
)


def find(sender: Sender, upload: Upload) -> Upload | None:
    """Return the upload with the entity tag of its object; None if the object is missing, or is not the one announced.

    Raises OSError and ValueError if the storage does not respond, and ConfigError for another status than 200 and 404:
    then nothing is known. For a directory it is `directory.keep`.
    """
    origin = locate(sender, upload).place.origin
    if isinstance(origin, LocalOrigin):
        return directory.keep(origin, upload)
    reply = request(sender, upload, "HEAD", "x-amz-checksum-mode=ENABLED")
    if reply.status == 404:
        return None
    require(reply, upload, 200)
    given = reply.header(CRC32)  # that of parts ends with their number
    crc32 = given if is_crc32(given) else ""
    is_same = reply.header("Content-Length") == str(upload.size)
    is_right = not (crc32 and upload.crc32) or crc32 == upload.crc32
    found = upload._replace(etag=reply.header("ETag"), crc32=crc32 or upload.crc32)
    return found if is_same and is_right else None


def delete(sender: Sender, upload: Upload) -> None:
    """Delete the object of an upload, if there is one. Raises as `find` does."""
    origin = locate(sender, upload).place.origin
    if isinstance(origin, LocalOrigin):
        directory.forget(origin, upload)
        return
    require(request(sender, upload, "DELETE"), upload, 200, 204, 404)


def unnamed(
    sender: Sender, origin: str, bucket: str, folder: str, *, until: datetime, named: Container[str]
) -> Iterator[str]:
    """Yield the keys of objects and of uploads in parts below a folder in S3, older than `until` and not in `named`.

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
                yield f"{key} {entry.get('UploadId', '')}".strip()


def _entries(sender: Sender, probe: Upload, query: str) -> Iterator[Mapping[str, str]]:
    """Yield the texts of each entry of a list, which comes in pages."""
    after, is_more = "", True
    while is_more:
        try:
            reply = request(sender, probe, "GET", query + after)
        except (OSError, ValueError, http.client.HTTPException) as error:
            if isinstance(error, XaccelError):
                raise
            raise _unreadable(probe.origin, f"{type(error).__name__}: {error}".strip()) from error
        require(reply, probe, 200)
        before = after
        try:
            page, entries = read_elements(reply.body, "Contents", "Upload")
        except BadXml as error:
            raise _unreadable(probe.origin, str(error)) from error
        yield from entries
        markers = {name: page.get(tag, "") for name, tag in _NEXT}
        after = "".join(f"&{name}={quote(value, safe='')}" for name, value in markers.items() if value)
        is_more = page.get("IsTruncated") == "true"
        if is_more and after in ("", before):
            raise _unreadable(probe.origin, "it is truncated, and has no marker of another page")


def _unreadable(origin: str, why: str) -> ConfigError:
    what = f"the storage's list of objects cannot be read: {why}"
    return ConfigError(what, where=f"origin {origin}", remedy="List the bucket with the storage's own tool.")


def request(
    sender: Sender, upload: Upload, method: str, query: str = "", *, signed: Pairs = (), body: bytes = b""
) -> Exchange:
    """Send a request about the object of an upload, with these headers, and read the response.

    A GET is about the bucket. Raises OSError, ValueError and http.client.HTTPException.
    """
    located = locate(sender, upload)
    origin, endpoint = located.place.origin, located.place.endpoint
    assert isinstance(origin, S3Origin), "a directory takes no requests"
    if method == "GET" and endpoint:
        located.target = endpoint.base_url
    url = sender.sign(located, method=method, query=query, headers=signed)
    seen = ask_origin(origin, url, dict(signed), method=method, body=body, most_bytes=MAX_BYTES)
    return seen[-1].completed()


def copy_source(located: Located) -> str:
    """Return the value of x-amz-copy-source for an object."""
    return quote("/".join(("", *located.bucket_and_key)))


def require(reply: Exchange, upload: Upload, *statuses: int) -> None:
    """Raise ConfigError for another status than these."""
    if reply.status not in statuses:
        what = f"the storage responds with {reply.status} to a request for the object of upload {upload.id}"
        remedy = "Let the credentials of the origin list the bucket, and read and delete its objects."
        raise ConfigError(what, where=f"origin {upload.origin}", remedy=remedy)
