"""Find the object of an upload, at the storage or in a directory, or delete it."""

from __future__ import annotations

import http.client
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

MAX_RESPONSE_BYTES = 4 << 20
"""A list of uploads in parts has at most 1,000 entries."""
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


def copy_source(located: Located) -> str:
    """Return the value of x-amz-copy-source for an object."""
    return quote("/".join(("", *located.bucket_and_key)))


def require(reply: Exchange, upload: Upload, *statuses: int) -> None:
    """Raise ConfigError for another status than these."""
    if reply.status not in statuses:
        what = f"the storage responds with {reply.status} to a request for the object of upload {upload.id}"
        remedy = "Let the credentials of the origin list the bucket, and read and delete its objects."
        raise ConfigError(what, where=f"origin {upload.origin}", remedy=remedy)
