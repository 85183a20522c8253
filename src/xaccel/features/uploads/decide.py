"""Decide about an upload from the headers of its request, before a byte of the body is read."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, Required, TypedDict

from xaccel.errors import OptionRefused, OriginNotAllowed
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.site.origins import S3Origin, bucket_in_names
from xaccel.site.setting import problem
from xaccel.site.site import Site, Uploads, bytes_of

LARGEST = 5 << 30
"""Bytes of one PUT to S3 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html)."""
CRC32 = "x-amz-checksum-crc32"
"""The header with the CRC-32 of the body in Base64, in the client's request and in that to the storage
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html)."""
COMPLETE = "upload-complete"
"""The header of "Resumable Uploads for HTTP" that says whether the file ends with the request."""
_BEGIN = "an upload in parts begins with an empty POST request with Upload-Complete: ?0 and Upload-Length"

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
"""A media type in lower case, without parameters (RFC 6838 section 4.2)."""
_PATTERN = re.compile(rf"{_TYPE.pattern}|[a-z]+/\*")
_LENGTH = re.compile(r"0|[1-9][0-9]{0,29}")
"""Without leading zeros: the signature has a number, and NGINX sends the text of the client."""
is_crc32 = re.compile(r"[A-Za-z0-9+/]{5}[AQgw]==").fullmatch
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Upload(NamedTuple):
    """One upload: what the app decided, and what the storage said.

    id: of the log entry, and of the trail. bucket: of an origin that covers many; else "". key: made by xaccel.
    content_type: that of `receive_file`, else the client's, without parameters; else "application/octet-stream".
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

    @property
    def crc32_number(self) -> int | None:
        """The CRC-32 as `zlib.crc32` returns it, for ZIP archives; None if the client sent none."""
        from xaccel.features.archives.crc import number_of  # not every upload is for archives

        return number_of(self.crc32) if self.crc32 else None


class Refusal(NamedTuple):
    """Why an upload is refused. message: printable ASCII without quotes and backslashes, for the client."""

    status: int
    message: str


class UploadArguments(TypedDict, total=False):
    """The keywords of `receive_file`.

    max_size: bytes, or a size as NGINX writes it, such as "500m". S3 takes more than 5 GiB in parts only.
    content_types: media types, or patterns such as "image/*", that the client may claim; without it all.
    content_type: of the object, whatever the client claims. A directory stores none.
    checksum: "required" refuses an upload without the header `x-amz-checksum-crc32`. If it is there, the storage checks
        it; the app, in a directory.
    folder: of the key that is made, "uploads" by default. bucket: one of the buckets of an origin that covers many.
    subject: who sends it.
    reserve: is called with the `Upload`, and returns whether there is room for it: a quota. In Django use `quota`.
    """

    max_size: Required[int | str]
    content_types: Sequence[str] | None
    content_type: str
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
    site: Site, origin: str, headers: Mapping[str, str], arguments: UploadArguments, *, in_parts: bool = False
) -> Upload | Refusal:
    """Return the upload that a request may be, or why it is refused: 400, 403, 411, 413, 415 or 422.

    headers: of NGINX's request, by names in lower case. `reserve` is not called. in_parts: the request is empty, and
    announces a file that comes in others.

    Raises OriginNotAllowed for an origin that takes no uploads, and OptionRefused.
    """
    if origin not in require_uploads(site).origins:
        remedy = 'Name it in XACCEL["UPLOADS"]["origins"], and generate the NGINX configuration again.'
        raise OriginNotAllowed(f"origin {origin!r} takes no uploads", where="origin", remedy=remedy)
    most, hint = size_of(arguments.get("max_size")), ""
    if most > LARGEST and not in_parts and isinstance(site.origins[origin], S3Origin):
        most, hint = LARGEST, ": send it in parts" if require_uploads(site).resumable else ""
    allowed = _patterns(arguments.get("content_types"))
    stored = (arguments.get("content_type") or "").lower()
    if stored and not _TYPE.fullmatch(stored):
        what, remedy = f"{stored!r} is not a media type without parameters", 'For example "application/pdf".'
        raise OptionRefused(what, where="content_type", remedy=remedy)
    folder = require_folder(arguments.get("folder", "uploads"))
    size = bytes_in(headers, "upload-length" if in_parts else "xaccel-upload-length")
    crc32 = headers.get(CRC32, "")
    is_empty = headers.get("content-length", "") in ("", "0")
    is_begin = headers.get(COMPLETE) == "?0" and bool(size) and is_empty
    kind = headers.get("content-type", "").partition(";")[0].strip().lower() or "application/octet-stream"
    is_checked = crc32 != "" or in_parts or arguments.get("checksum", "optional") != "required"
    tests = (
        from_this_site(headers),
        (is_begin if in_parts else headers.get(COMPLETE) != "?0", 400, _BEGIN),
        (size is not None, 411, "send the length of the file in Content-Length, without leading zeros"),
        (size is None or size <= most, 413, f"the file is larger than {most} bytes{hint}"),
        (_TYPE.fullmatch(kind) and re.fullmatch(allowed, kind), 415, "files of this type are not accepted"),
        (not crc32 or is_crc32(crc32), 422, f"{CRC32} is not a CRC-32 in Base64"),
        (is_checked, 422, f"send the CRC-32 of the file in {CRC32}"),
    )
    return first_refusal(tests) or Upload(
        id=new_transfer_id(datetime.now(UTC)),
        origin=origin,
        bucket=bucket_in_names(site.origins[origin], arguments.get("bucket") or None),
        key=f"{folder}/{secrets.token_hex(16)}",
        size=size or 0,
        content_type=stored or kind,
        crc32=crc32,
        subject=arguments.get("subject", ""),
    )


def require_folder(folder: str) -> str:
    """Return a folder of keys. Raises OptionRefused, such as for a slash at its end."""
    if not _FOLDER.fullmatch(folder):
        what, remedy = f"{folder!r} is not a folder of keys", 'For example "documents/2026".'
        raise OptionRefused(what, where="folder", remedy=remedy)
    return folder


def size_of(size: object) -> int:
    """Return the bytes of `max_size`. Raises OptionRefused."""
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


def bytes_in(headers: Mapping[str, str], name: str) -> int | None:
    """Return the number of bytes in a header; None for anything else."""
    text = headers.get(name, "")
    return int(text) if _LENGTH.fullmatch(text) else None


def first_refusal(tests: Iterable[tuple[object, int, str]]) -> Refusal | None:
    """Return the refusal of the first test that is not met. tests: whether it is, status, message."""
    return next((Refusal(status, message) for is_right, status, message in tests if not is_right), None)


def from_this_site(headers: Mapping[str, str]) -> tuple[bool, int, str]:
    """Test that no browser sent it for a page of another origin: with the user's cookies, if CORS lets it.

    Browsers set both headers, and no script can (https://fetch.spec.whatwg.org/#forbidden-request-header). Other
    clients send neither.
    """
    site, page, host = (headers.get(name, "").lower() for name in ("sec-fetch-site", "origin", "host"))
    is_right = page in ("", f"http://{host}", f"https://{host}")
    if site:
        is_right = site in ("same-origin", "none")
    return is_right, 403, "the request comes from a page of another site"
