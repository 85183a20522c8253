"""Decide about an upload from the headers of its request, before a byte of the body is read."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, Required, TypedDict
from urllib.parse import urlsplit

from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.site import Site
from xaccel.site.origins import S3Origin
from xaccel.site.setting import problem
from xaccel.site.site import Uploads, bytes_of

LARGEST = 5 << 30
"""Bytes of one PUT to S3 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html)."""
CRC32 = "x-amz-checksum-crc32"
"""The header with the CRC-32 of the body in Base64, in the client's request and in that to the storage
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html)."""

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
"""A media type in lower case, without parameters (RFC 6838 section 4.2)."""
_PATTERN = re.compile(rf"{_TYPE.pattern}|[a-z]+/\*")
_LENGTH = re.compile(r"[0-9]{1,30}")
_CRC32 = re.compile(r"[A-Za-z0-9+/]{5}[AQgw]==")
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Upload(NamedTuple):
    """One upload: what the app decided, and what the storage said.

    id: of the log entry, and of the trail. bucket: of an origin that covers many; else "". key: made by xaccel.
    content_type: as the client claims it, without parameters; "application/octet-stream" without one.
    crc32: in Base64; "" if the client sent none. subject: who sends it. etag: of the object that is stored, else "".
    """

    id: str
    origin: str
    bucket: str
    key: str
    size: int
    content_type: str
    crc32: str
    subject: str
    etag: str = ""


class Refusal(NamedTuple):
    """Why an upload is refused. message: printable ASCII without quotes and backslashes, for the client."""

    status: int
    message: str


class UploadArguments(TypedDict, total=False):
    """The keywords of `receive_file`.

    max_size: bytes, or a size as NGINX writes it, such as "500m". Over 5 GiB, S3 takes no PUT.
    content_types: media types, or patterns such as "image/*"; without it all are allowed. It is the client's claim.
    checksum: "required" refuses an upload without the header `x-amz-checksum-crc32`. If it is there, the storage checks
        it; the app, in a directory.
    folder: of the key that is made, "uploads" by default. bucket: one of the buckets of an origin that covers many.
    subject: who sends it.
    reserve: is called with the `Upload`, and returns whether there is room for it: a quota. In Django use `quota`.
    """

    max_size: Required[int | str]
    content_types: Sequence[str] | None
    checksum: Literal["optional", "required"]
    folder: str
    bucket: str | None
    subject: str
    reserve: Callable[[Upload], object] | None


def require_uploads(site: Site) -> Uploads:
    """Return the setting UPLOADS. Raises ConfigError without it."""
    if site.uploads is None:
        raise problem('XACCEL["UPLOADS"]', "no_uploads")
    return site.uploads


def decide(
    site: Site, origin: str, headers: Mapping[str, str], arguments: UploadArguments
) -> Upload | Refusal:
    """Return the upload that a request may be, or why it is refused: 403, 411, 413, 415 or 422.

    headers: of NGINX's request, by names in lower case. `reserve` is not called.

    Raises OriginNotAllowed for an origin that takes no uploads, and OptionRefused.
    """
    if origin not in require_uploads(site).origins:
        remedy = 'Name it in XACCEL["UPLOADS"]["origins"], and generate the NGINX configuration again.'
        raise OriginNotAllowed(f"origin {origin!r} takes no uploads", where="origin", remedy=remedy)
    most = _size(arguments["max_size"])
    if isinstance(site.origins[origin], S3Origin):
        most = min(most, LARGEST)
    allowed = _patterns(arguments.get("content_types"))
    folder = arguments.get("folder", "uploads")
    if not _FOLDER.fullmatch(folder):
        what, remedy = f"{folder!r} is not a folder of keys", 'For example "documents/2026".'
        raise OptionRefused(what, where="folder", remedy=remedy)
    length, crc32 = headers.get("xaccel-upload-length", ""), headers.get(CRC32, "")
    size = int(length) if _LENGTH.fullmatch(length) else None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower() or "application/octet-stream"
    is_checked = crc32 != "" or arguments.get("checksum", "optional") != "required"
    tests = (
        (not _is_from_elsewhere(headers), 403, "the request comes from a page of another site"),
        (size is not None, 411, "send the length of the file in Content-Length"),
        (size is None or size <= most, 413, f"the file is larger than {most} bytes"),
        (_TYPE.fullmatch(kind) and re.fullmatch(allowed, kind), 415, "files of this type are not accepted"),
        (not crc32 or _CRC32.fullmatch(crc32), 422, f"{CRC32} is not a CRC-32 in Base64"),
        (is_checked, 422, f"send the CRC-32 of the file in {CRC32}"),
    )
    for is_right, status, message in tests:
        if not is_right:
            return Refusal(status, message)
    return Upload(
        id=new_transfer_id(datetime.now(UTC)),
        origin=origin,
        bucket=arguments.get("bucket") or "",
        key=f"{folder}/{secrets.token_hex(16)}",
        size=size or 0,
        content_type=kind,
        crc32=crc32,
        subject=arguments.get("subject", ""),
    )


def _size(size: int | str) -> int:
    if isinstance(size, str) and re.fullmatch(r"[0-9]{1,12}[kKmMgG]?", size):
        size = bytes_of(size)
    if not isinstance(size, int) or size < 0:
        what, remedy = f"{size!r} is not a size", 'For example "500m", or a number of bytes.'
        raise OptionRefused(what, where="max_size", remedy=remedy)
    return size


def _patterns(given: Sequence[str] | None) -> str:
    """Return a regular expression for all types."""
    types = [given] if isinstance(given, str) else given or ()
    wrong = [one for one in types if not _PATTERN.fullmatch(one)]
    if wrong:
        what, remedy = f"{wrong[0]!r} is not a media type", 'For example ["image/*", "application/pdf"].'
        raise OptionRefused(what, where="content_types", remedy=remedy)
    return "|".join(re.escape(one).replace(r"\*", ".+") for one in types) or ".*"


def _is_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser sent it for a page of another origin: with the user's cookies, if CORS lets it.

    Browsers set both headers, and no script can (https://fetch.spec.whatwg.org/#forbidden-request-header). Other
    clients send neither.
    """
    site, page = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if site:
        return site not in ("same-origin", "none")
    return bool(page) and urlsplit(page).netloc.lower() != headers.get("host", "").lower()
