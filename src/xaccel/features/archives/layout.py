"""The layout of an archive: where each of its bytes comes from, before the first one is sent.

The ZIP has no compression and no data descriptors (APPNOTE 6.3.10, https://pkware.com/appnote). So its length is exact,
any range of it can be made alone, and equal members make equal bytes on every server.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

from xaccel.features.archives.members import ZipMember, archive_names, label, require_whole
from xaccel.handoff.objects import ObjectRef

_MAX32, _MAX16 = 0xFFFFFFFF, 0xFFFF
_UTF8 = 0x800
_UNIX = 0x0300
_FILE_0644 = 0o100644 << 16
_NO_DATE = 1 << 21 | 1 << 16  # 1980-01-01
_FIRST_DATE, _LAST_DATE = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)
"""The dates that the format has are from the first to the last."""
VERSION = b"\x01"
"""Of the rules by which members become bytes, names too."""
_COLUMNS = "QIIHHII"
"""Sizes, CRC-32, dates, places; lengths of names, entity tags and keys."""


class LaidOut(NamedTuple):
    """One member of a layout.

    etag: in quotes. dos: date and time as the format has them. begins: offset of its local header. data: offset of its
    content.
    """

    name: bytes
    ref: ObjectRef
    size: int
    crc32: int
    etag: str
    dos: int
    begins: int
    data: int

    @property
    def ends(self) -> int:
        """The offset behind its content."""
        return self.data + self.size


class Piece(NamedTuple):
    """Bytes [first, end) of the content of the member with this number, or of the archive: one of its parts."""

    number: int
    first: int
    end: int


class _Texts:
    """A column of texts, one behind the other: 100,000 of them are two objects in memory."""

    def __init__(self, body: bytes, at: int, lengths: Iterable[int]) -> None:
        self._body = body
        self.ends = array("Q", accumulate(lengths, initial=at))

    def __getitem__(self, index: int) -> bytes:
        return self._body[self.ends[index] : self.ends[index + 1]]


class Layout:
    """An archive, and its members, which are made when they are asked for.

        layout = Layout.of([ZipMember(ObjectRef("documents", "a.pdf"), size=5, crc32=907060870, etag="e1")])
        layout.size, layout.etag, layout[0].name

    size: bytes of the archive. etag: strong, in quotes; the digest of names, sizes, CRC-32, dates, objects and their
    entity tags. begins: offset of each local header, then of the central directory. directory: this last one. body: all
    of it, for `Layout(body)`; about 100 bytes for each member when it is compressed.
    """

    def __init__(self, body: bytes) -> None:
        """Read what `of` writes."""
        count, described = struct.unpack_from("<II", body)
        at = 8 + described
        self._places = json.loads(body[8:at])
        columns = []
        for kind in _COLUMNS:
            column = array(kind)
            column.frombytes(body[at : at + count * column.itemsize])
            columns.append(_little_endian(column))
            at += count * column.itemsize
        self._sizes, self._crcs, self._dates, self._place_of, lengths, *other_lengths = columns
        self._names = _Texts(body, at, lengths)
        self._etags = _Texts(body, self._names.ends[-1], other_lengths[0])
        self._keys = _Texts(body, self._etags.ends[-1], other_lengths[1])
        self.body = body
        self.etag = f'"{sha256(VERSION + body).hexdigest()[:32]}"'
        each = map(_local_length, lengths, self._sizes)
        self.begins = array("Q", accumulate(each, initial=0))
        self.directory = self.begins[-1]
        each = map(_entry_length, lengths, self._sizes, self.begins)
        self._entries = array("Q", accumulate(each, initial=self.directory))
        self.size = self._entries[-1] + len(self._end())

    @classmethod
    def of(cls, members: Iterable[ZipMember]) -> Layout:
        """Lay out members, whose names `archive_names` makes safe. Raises ArchiveRefused, which names the members."""
        chosen = [*members]
        require_whole(chosen)
        names = archive_names(map(label, chosen))
        columns = [array(kind) for kind in _COLUMNS]
        sizes, crcs, dates, place_of, name_lengths, etag_lengths, key_lengths = columns
        places: dict[tuple[str, str | None, bool], int] = {}
        etags, keys = [], []
        for one in chosen:
            ref = one.ref
            place = (ref.origin, ref.bucket, ref.url is not None)
            sizes.append(one.size or 0)
            crcs.append(one.crc32 or 0)
            dates.append(_dos(one.modified))
            place_of.append(places.setdefault(place, len(places)))
            etags.append((one.etag or "").strip('"').encode())
            keys.append(ref.url_for("GET").encode() or ref.key.encode("utf-8", "surrogatepass"))
        name_lengths.extend(map(len, names))
        etag_lengths.extend(map(len, etags))
        key_lengths.extend(map(len, keys))
        described = json.dumps(list(places)).encode()
        numbers = [_little_endian(column).tobytes() for column in columns]
        return cls(
            struct.pack("<II", len(chosen), len(described))
            + b"".join([described, *numbers, *names, *etags, *keys])
        )

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[LaidOut]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> LaidOut:
        origin, bucket, by_url = self._places[self._place_of[index]]
        key = self._keys[index].decode("utf-8", "surrogatepass")
        ref = ObjectRef(origin, url=key) if by_url else ObjectRef(origin, key, bucket=bucket)
        size, etag = self._sizes[index], f'"{self._etags[index].decode()}"'
        begins, ends = self.begins[index], self.begins[index + 1]
        return LaidOut(
            self._names[index], ref, size, self._crcs[index], etag, self._dates[index], begins, ends - size
        )

    def pieces(self, first: int, end: int) -> Iterator[bytes | Piece]:
        """Yield what makes the bytes [first, end) of the archive: headers and directory as bytes, and contents."""
        if first < self.directory:
            for index in range(bisect_right(self.begins, first) - 1, len(self)):
                begins = self.begins[index]
                if begins >= end:
                    break
                data = self.begins[index + 1] - self._sizes[index]
                if first < data:
                    yield self._local(index)[max(0, first - begins) : end - begins]
                low, high = max(first, data), min(end, data + self._sizes[index])
                if low < high:
                    yield Piece(index, low - data, high - data)
        directory_end = self._entries[-1]
        for index in range(bisect_right(self._entries, max(first, self.directory)) - 1, len(self)):
            begins = self._entries[index]
            if begins >= end:
                break
            yield self._entry(index)[max(0, first - begins) : end - begins]
        if end > directory_end:
            yield self._end()[max(0, first - directory_end) : end - directory_end]

    def _local(self, index: int) -> bytes:
        """Return the local header (APPNOTE 4.3.7), with the sizes in its extra field from 4 GiB on (4.5.3)."""
        name, size = self._names[index], self._sizes[index]
        needs, short, extra = 20, size, b""
        if size >= _MAX32:
            needs, short, extra = 45, _MAX32, struct.pack("<HHQQ", 1, 16, size, size)
        fixed = (0x04034B50, needs, _UTF8, 0, self._dates[index], self._crcs[index])
        return struct.pack("<IHHHIIIIHH", *fixed, short, short, len(name), len(extra)) + name + extra

    def _entry(self, index: int) -> bytes:
        """Return the entry of the central directory (APPNOTE 4.3.12)."""
        name, size, begins = self._names[index], self._sizes[index], self.begins[index]
        large = [*([size] * 2 if size >= _MAX32 else []), *([begins] if begins >= _MAX32 else [])]
        extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
        needs, short = (45 if large else 20), min(size, _MAX32)
        fixed = (0x02014B50, _UNIX | needs, needs, _UTF8, 0, self._dates[index], self._crcs[index])
        lengths = (short, short, len(name), len(extra), 0, 0, 0, _FILE_0644, min(begins, _MAX32))
        return struct.pack("<IHHHHIIIIHHHHHII", *fixed, *lengths) + name + extra

    def _end(self) -> bytes:
        """Return the end of central directory, after that of zip64 if a number needs it (APPNOTE 4.3.14 to 4.3.16)."""
        count, begins, ends = len(self), self.directory, self._entries[-1]
        length, text = ends - begins, b""
        if count >= _MAX16 or length >= _MAX32 or begins >= _MAX32:
            numbers = (0x06064B50, 44, _UNIX | 45, 45, 0, 0, count, count, length, begins)
            text = struct.pack("<IQHHIIQQQQ", *numbers) + struct.pack("<IIQI", 0x07064B50, 0, ends, 1)
        short = (min(count, _MAX16), min(count, _MAX16), min(length, _MAX32), min(begins, _MAX32))
        return text + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, *short, 0)


def _local_length(name: int, size: int) -> int:
    return 30 + name + (20 if size >= _MAX32 else 0) + size


def _entry_length(name: int, size: int, begins: int) -> int:
    large = (2 if size >= _MAX32 else 0) + (begins >= _MAX32)
    return 46 + name + (4 + 8 * large if large else 0)


def _little_endian(column: array[int]) -> array[int]:
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _dos(moment: datetime | None) -> int:
    """Return date and time as ZIP has them (APPNOTE 4.4.6), the nearest that it has."""
    if moment is None:
        return _NO_DATE
    at = min(max(moment, _FIRST_DATE), _LAST_DATE).astimezone(UTC)
    date = (at.year - 1980) << 9 | at.month << 5 | at.day
    return date << 16 | at.hour << 11 | at.minute << 5 | at.second >> 1


def moment_of(dos: int) -> datetime:
    """Return the date of a member, in UTC."""
    time = (dos >> 11 & 31, dos >> 5 & 63, (dos & 31) * 2)
    return datetime(1980 + (dos >> 25), dos >> 21 & 15, dos >> 16 & 31, *time, tzinfo=UTC)
