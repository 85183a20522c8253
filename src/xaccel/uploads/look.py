"""Find the object of an upload, at the storage or in a directory, or delete it."""

from __future__ import annotations

from contextlib import closing

from xaccel.errors import ConfigError
from xaccel.http_client.origin import open_origin
from xaccel.sender import Sender
from xaccel.site.origins import LocalOrigin
from xaccel.uploads import directory
from xaccel.uploads.decide import CRC32, Upload
from xaccel.uploads.receive import locate


def find(sender: Sender, upload: Upload) -> Upload | None:
    """Return the upload with the entity tag of its object; None if the object is missing, or is not the one announced.

    Raises OSError and ValueError if the storage does not respond, and ConfigError for another status than 200 and 404:
    then nothing is known. For a directory it is `directory.keep`.
    """
    located = locate(sender, upload)
    origin = located.place.origin
    if isinstance(origin, LocalOrigin):
        return directory.keep(origin, upload)
    located.target += "?x-amz-checksum-mode=ENABLED"
    with open_origin(origin, sender.sign(located, method="HEAD"), method="HEAD") as response:
        if response.status == 404:
            return None
        _require(response.status == 200, upload, response.status)
        crc32 = response.headers.get(CRC32, "")
        is_same = response.headers.get("Content-Length") == str(upload.size)
        is_right = not (crc32 and upload.crc32) or crc32 == upload.crc32
        etag = response.headers.get("ETag", "")
    return upload._replace(etag=etag) if is_same and is_right else None


def delete(sender: Sender, upload: Upload) -> None:
    """Delete the object of an upload, if there is one. Raises as `find` does."""
    located = locate(sender, upload)
    origin = located.place.origin
    if isinstance(origin, LocalOrigin):
        directory.forget(origin, upload)
        return
    with closing(open_origin(origin, sender.sign(located, method="DELETE"), method="DELETE")) as response:
        _require(response.status in (200, 204, 404), upload, response.status)


def _require(is_right: bool, upload: Upload, status: int) -> None:
    if not is_right:
        what = f"the storage responds with {status} to a request for the object of upload {upload.id}"
        remedy = "Let the credentials of the origin list the bucket, and read and delete its objects."
        raise ConfigError(what, where=f"origin {upload.origin}", remedy=remedy)
