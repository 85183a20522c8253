"""Find the object of an upload, at the storage or in a directory, or delete it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import quote

from xaccel.errors import ConfigError, XaccelError
from xaccel.features.uploads import directory
from xaccel.features.uploads.decide import CRC32, Upload, is_crc32
from xaccel.features.uploads.receive import locate
from xaccel.handoff.objects import Located
from xaccel.http_client.exchange import MAX_RESPONSE_BYTES, Exchange
from xaccel.http_client.origin import ask_origin
from xaccel.sender import Sender
from xaccel.signing.signer import Pairs
from xaccel.site.origins import LocalOrigin, S3Origin

_NEXT_PAGE = (
    ("continuation-token", "NextContinuationToken"),
    ("key-marker", "NextKeyMarker"),
    ("upload-id-marker", "NextUploadIdMarker"),
)
"""Parameters that request the next page of a list, and the elements that have their values."""
AWAY = (XaccelError, OSError, ValueError, http.client.HTTPException)
"""Raised by a request if the storage does not respond as it should."""


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
    seen = ask_origin(origin, url, dict(signed), method=method, body=body, most_bytes=MAX_RESPONSE_BYTES)
    return seen[-1].completed()


def list_pages(sender: Sender, upload: Upload, query: str) -> Iterator[list[dict[str, str]]]:
    """Yield the entries of each page of a list of objects or of uploads in parts in the upload's bucket.

    Raises as `find` does, ValueError also for a list that cannot be read to its end
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html, API_ListMultipartUploads.html).
    """
    # Few requests list anything, so that a worker does not load the parser at its start.
    from xaccel.http_client.s3_xml import BadXml, read_document

    after, is_more = "", True
    while is_more:
        reply = request(sender, upload, "GET", query + after)
        require(reply, upload, 200)
        _, texts, entries = read_document(reply.body, "Contents", "Upload")
        yield entries
        before = after
        markers = {name: texts.get(tag, "") for name, tag in _NEXT_PAGE}
        after = "".join(f"&{name}={quote(value, safe='')}" for name, value in markers.items() if value)
        is_more = texts.get("IsTruncated") == "true"
        if is_more and after in ("", before):
            raise BadXml("it is truncated, and has no marker of another page")


def copy_source(located: Located) -> str:
    """Return the value of x-amz-copy-source for an object."""
    return quote("/".join(("", *located.bucket_and_key)))


def require(reply: Exchange, upload: Upload, *statuses: int) -> None:
    """Raise ConfigError for another status than these."""
    if reply.status not in statuses:
        what = f"the storage responds with {reply.status} to a request for the object of upload {upload.id}"
        remedy = "Let the credentials of the origin list the bucket, and read and delete its objects."
        raise ConfigError(what, where=f"origin {upload.origin}", remedy=remedy)
