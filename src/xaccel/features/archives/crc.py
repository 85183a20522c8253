"""Find the CRC-32 of an object: the storage's own, that of its parts, or of its bytes, read once."""

from __future__ import annotations

import base64
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from xaccel.errors import ArchiveRefused
from xaccel.handoff.objects import Located, ObjectRef
from xaccel.http_client.exchange import Exchange, Response
from xaccel.http_client.origin import ask_origin, open_origin
from xaccel.sender import Sender
from xaccel.site.origins import LocalOrigin, RemoteOrigin, S3Origin

Read = Callable[[int], object]
"""It is called with the number of bytes that came."""
_BLOCK = 1 << 20
_REPLACED, _AGAIN = "the object was replaced, or its transfer was cut", "Run it again."
_POLYNOMIAL = 0xEDB88320
_MAX_PARTS = 10_000
"""Of an upload: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
_MAX_SIZE = (1 << 63) - 1
"""Bytes of an object, which a database can store."""


class Checked(NamedTuple):
    """One version of an object: bytes, entity tag in quotes, CRC-32."""

    size: int
    etag: str
    crc32: int


def file_etag(found: os.stat_result) -> str:
    """Return the entity tag that NGINX gives a file: time and size in hexadecimal (ngx_http_set_etag)."""
    return f'"{int(found.st_mtime):x}-{found.st_size:x}"'


def find_crc32(sender: Sender, ref: ObjectRef, *, read: Read = lambda _: None) -> Checked:
    """Return size, entity tag and CRC-32 of an object, all of one version.

    A HEAD request finds the CRC-32 that S3 has of the whole object, or those of its parts. Other objects are read once,
    with `If-Match`.

    Raises ArchiveRefused for an object that is missing, has no strong entity tag, or is replaced meanwhile; and as
    `Sender.hand_off` and `open_origin` do.
    """
    located = sender.places.locate(ref, "HEAD")
    origin = located.place.origin
    if isinstance(origin, LocalOrigin):
        return read_file(Path(located.target), read)
    is_s3 = isinstance(origin, S3Origin)
    head = _ask(sender, origin, located, "x-amz-checksum-mode=ENABLED" if is_s3 else "")
    size, etag = int(head.header("Content-Length") or -1), head.header("ETag")
    if not 0 <= size <= _MAX_SIZE or not etag.startswith('"'):
        what = "the storage sends no length or no strong entity tag"
        raise ArchiveRefused(what, where=located.key, remedy="Archives need both.")
    checksum = head.header("x-amz-checksum-crc32")
    if is_s3 and re.fullmatch(".*-[0-9]+", checksum):
        count = int(checksum.rpartition("-")[2][:9])
        found = _combine_parts(sender, origin, located, etag, count) if count <= _MAX_PARTS else None
        if found is not None and found.size == size:
            return found
    elif is_s3 and checksum and head.header("x-amz-checksum-type") in ("", "FULL_OBJECT"):
        return Checked(size, etag, number_of(checksum))
    return _read_object(sender, origin, sender.places.locate(ref), Checked(size, etag, 0), read)


def combine(first: int, second: int, second_size: int) -> int:
    """Return the CRC-32 of two contents, one behind the other, as crc32_combine of zlib does."""
    power, square = 1 << 31, 1 << 23  # the polynomials 1 and x**8
    while second_size:
        if second_size & 1:
            power = _multiply(power, square)
        square, second_size = _multiply(square, square), second_size >> 1
    return _multiply(power, first) ^ second


def _multiply(a: int, b: int) -> int:
    """Multiply polynomials modulo that of CRC-32; the highest bit is 1."""
    product = 0
    for bit in range(31, -1, -1):
        product ^= b if a >> bit & 1 else 0
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def _combine_parts(
    sender: Sender, origin: RemoteOrigin, located: Located, etag: str, count: int
) -> Checked | None:
    """Combine the CRC-32 of the parts of an upload; None if the storage does not send one."""
    size = crc32 = 0
    for number in range(1, count + 1):
        head = _ask(sender, origin, located, f"partNumber={number}&x-amz-checksum-mode=ENABLED")
        text, part_size = head.header("x-amz-checksum-crc32"), int(head.header("Content-Length") or 0)
        if head.header("ETag") != etag or not text or "-" in text:
            return None
        size, crc32 = size + part_size, combine(crc32, number_of(text), part_size)
    return Checked(size, etag, crc32)


def number_of(checksum: str) -> int:
    """Return the CRC-32 that S3 and its clients write in Base64. Raises ValueError for another text."""
    value = base64.b64decode(checksum, validate=True)
    if len(value) != 4:
        raise ValueError("the storage sends a CRC-32 that has not four bytes")
    return int.from_bytes(value, "big")


def checksum_of(crc32: int) -> str:
    """Return a CRC-32 as S3 and its clients write it."""
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()


def _ask(sender: Sender, origin: RemoteOrigin, located: Located, query: str) -> Exchange:
    """Send a HEAD request; S3 takes the query if it is signed."""
    url = sender.sign(located, query=query)
    reply = ask_origin(origin, url, method=located.request_method)[-1].completed()
    _require(located, reply.status)
    return reply


def _read_object(
    sender: Sender, origin: RemoteOrigin, located: Located, known: Checked, read: Read
) -> Checked:
    with open_origin(origin, sender.sign(located), {"If-Match": known.etag}) as response:
        _require(located, response.status)
        size, crc32 = _read_all(response, known.size, read)
        if response.headers["ETag"] != known.etag or size != known.size:
            _require(located, 412)
    return known._replace(crc32=crc32)


def read_file(path: Path, read: Read = lambda _: None) -> Checked:
    """Return size, entity tag and CRC-32 of a file. Raises ArchiveRefused if it is replaced meanwhile, and OSError."""
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        size, crc32 = _read_all(file, before.st_size, read)
        after = os.fstat(file.fileno())
    if (after.st_mtime_ns, after.st_size, size) != (before.st_mtime_ns, before.st_size, before.st_size):
        raise ArchiveRefused(_REPLACED, where=str(path), remedy=_AGAIN)
    return Checked(size, file_etag(before), crc32)


def _read_all(source: IO[bytes] | Response, most: int, read: Read) -> tuple[int, int]:
    """Return size and CRC-32. It ends behind `most` bytes: a file may grow as fast as it is read."""
    size = crc32 = 0
    while size <= most and (block := source.read(_BLOCK)):
        size, crc32 = size + len(block), zlib.crc32(block, crc32)
        read(len(block))
    return size, crc32


def _require(located: Located, status: int) -> None:
    if status not in (200, 206):
        what = _REPLACED if status == 412 else f"the storage responds with {status}"
        raise ArchiveRefused(what, where=f"{located.place.name}: {located.key}", remedy=_AGAIN)
