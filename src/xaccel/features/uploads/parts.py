"""Receive a file in parts: each request that appends to it is one part of a multipart upload of S3.

The requests are those of "Resumable Uploads for HTTP" (https://datatracker.ietf.org/doc/html/
draft-ietf-httpbis-resumable-upload-15); each one with a body passes the same gate as a file in one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote

from xaccel.features.uploads.decide import (
    COMPLETE,
    CRC32,
    Refusal,
    Upload,
    bytes_in,
    first_refusal,
    from_this_site,
    is_crc32,
    require_uploads,
)
from xaccel.features.uploads.look import find, list_pages, request, require
from xaccel.features.uploads.receive import end_of, locate, open_gate
from xaccel.handoff.headers import Answer
from xaccel.sender import Sender
from xaccel.signing.signer import Pairs
from xaccel.site.site import Site, bytes_of

MOST = 10_000
"""The highest number of a part (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). Each request has
its own number, so that no part is ever replaced by that of another client."""
SPARE = 20
"""Parts that can come again, beside one for each part of the file. Until the upload ends they use room of the storage
that is not reserved, if clients send them at once."""
_MAX_PAGES = 10
"""Of the uploads in parts for one key, 1,000 in each. The app begins one, and few are left by requests that failed."""
_XML = "http://s3.amazonaws.com/doc/2006-03-01/"
BEGIN: Pairs = (("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT"))
"""The headers with which S3 joins parts by the CRC-32 of the whole object."""


class Part(NamedTuple):
    """One request that appends to an upload.

    upload: its id. offset: where it begins in the file. number: at S3, or 0. crc32: in Base64. etag: once it is stored.
    """

    upload: str
    offset: int
    is_last: bool
    number: int
    size: int
    crc32: str
    etag: str = ""

    @property
    def stored(self) -> list[Any]:
        """Number, size, CRC-32 and entity tag, for a database."""
        return [*self[3:]]


def state(site: Site, size: int, offset: int) -> Pairs:
    """Return the headers that say how far an upload is. size: of the file."""
    most = _part_size(site, size)
    return (
        ("Upload-Offset", str(offset)),
        ("Upload-Complete", f"?{int(offset == size)}"),
        ("Upload-Length", str(size)),
        ("Upload-Limit", f"min-append-size={most}, max-append-size={most}"),
        ("Cache-Control", "no-store"),
    )


def _part_size(site: Site, size: int) -> int:
    """Return the bytes of each part but the last one. Half of the numbers stay free for parts that come again."""
    return max(bytes_of(require_uploads(site).part_size), -(-size // (MOST // 2)))


def highest_number(site: Site, size: int) -> int:
    """Return the highest number of an upload's parts: each can come twice, and SPARE of them once more."""
    return min(MOST, 2 * -(-size // _part_size(site, size)) + SPARE)


def decide_part(site: Site, headers: Mapping[str, str], upload: Upload, offset: int) -> Part | Refusal:
    """Return the part that a request may be, without a number; or why it is refused: 400, 403, 409, 411, 413 or 422.

    headers: of NGINX's request, by names in lower case. offset: of the upload.
    """
    size, crc32 = bytes_in(headers, "xaccel-upload-length"), headers.get(CRC32, "")
    most = _part_size(site, upload.size)
    due = min(most, upload.size - offset)
    complete = f"?{int(offset + due == upload.size)}"
    tests = (
        from_this_site(headers),
        (size is not None, 411, "send the length of the part in Content-Length, without leading zeros"),
        (headers.get("upload-offset") == str(offset), 409, f"the next part begins at {offset}"),
        ((size or 0) <= most, 413, f"a part has at most {most} bytes"),
        (size == due, 400, f"the next part has {due} bytes"),
        (headers.get(COMPLETE) == complete, 400, f"Upload-Complete is {complete} for this part"),
        (is_crc32(crc32), 422, f"send the CRC-32 of the part in {CRC32}"),
    )
    return first_refusal(tests) or Part(upload.id, offset, complete == "?1", 0, due, crc32)


def accept_part(sender: Sender, upload: Upload, multipart: str, part: Part) -> Answer:
    """Return the response that opens NGINX for a part. The storage refuses another length and CRC-32.

    upload: with the id, size and CRC-32 of this request. Raises CredentialsUnavailable.
    """
    signed = (("content-length", str(part.size)), (CRC32, part.crc32))
    query = f"partNumber={part.number}&{upload_query(multipart)}"
    url = sender.sign(locate(sender, upload), method="PUT", query=query, headers=signed)
    return open_gate(sender.site, upload._replace(content_type=""), url, part)


def part_ended(site: Site, headers: Mapping[str, str]) -> tuple[Part, str] | None:
    """Return a part and the storage's status, if NGINX reports how it ended."""
    ended = end_of(site, headers, Part)
    return ended and (ended[0]._replace(etag=headers.get("xaccel-storage-etag", "")), ended[1])


def begin(sender: Sender, upload: Upload) -> str:
    """Begin a multipart upload and return its id. Raises as `xaccel.features.uploads.look.find` does."""
    signed = (("content-type", upload.content_type), *BEGIN)
    reply = request(sender, upload, "POST", "uploads=", signed=signed)
    require(reply, upload, 200)
    if multipart := upload_id_in(reply.body):
        return multipart
    raise ValueError("the storage began an upload in parts without an id")


def join(sender: Sender, upload: Upload, multipart: str, parts: Iterable[Part]) -> Upload | None:
    """Let the storage join the parts, and return the upload with the entity tag of its object.

    upload: with the CRC-32 of the whole file, which the storage compares
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html). None if the storage has neither
    the parts nor this object. Raises as `find` does.
    """
    signed, body = completion(upload.crc32, parts)
    signed = (*signed, ("if-none-match", "*"))
    reply = request(sender, upload, "POST", upload_query(multipart), signed=signed, body=body)
    require(reply, upload, 200, 404, 412)  # an object that was joined before is there
    found = find(sender, upload)
    if found is None and reply.status == 200:  # its body may have an error, and the parts are still there
        raise ValueError("the storage did not join the parts")
    return found


def cancel(sender: Sender, upload: Upload) -> None:
    """Abort each multipart upload of the object's key, also one whose id the app does not have.

    Raises as `find` does, and ValueError if the list has more than _MAX_PAGES.
    """
    _, key = locate(sender, upload).bucket_and_key
    pages = list_pages(sender, upload, f"uploads=&prefix={quote(key, safe='')}")
    # All are read first: a storage need not know the upload that a marker names once it is aborted.
    entries = [entry for page in islice(pages, _MAX_PAGES) for entry in page]
    for multipart in filter(None, (entry.get("UploadId") for entry in entries)):
        require(request(sender, upload, "DELETE", upload_query(multipart)), upload, 204, 404)
    if next(pages, None) is not None:
        raise ValueError(f"the storage lists more than {_MAX_PAGES} pages of uploads in parts for one key")


def completion(crc32: str, parts: Iterable[Part]) -> tuple[Pairs, bytes]:
    """Return headers and body of the request that joins parts. crc32: of the whole object, in Base64."""
    listed = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag>"
        f"<ChecksumCRC32>{part.crc32}</ChecksumCRC32></Part>"
        for part in parts
    )
    text = f'<CompleteMultipartUpload xmlns="{_XML}">{listed}</CompleteMultipartUpload>'
    return ((CRC32, crc32), ("x-amz-checksum-type", "FULL_OBJECT")), text.encode()


def upload_query(multipart: str) -> str:
    """Return the query that names a multipart upload by its id."""
    return f"uploadId={quote(multipart, safe='')}"


def upload_id_in(body: bytes) -> str:
    """Return the id in the response that begins a multipart upload, "" for none."""
    from xaccel.http_client.s3_xml import BadXml, read_document

    try:
        return read_document(body).texts.get("UploadId", "")
    except BadXml:
        return ""
