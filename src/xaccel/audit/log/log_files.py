"""Reading a log that is written, rotated and truncated meanwhile: which file, from where, to which line end."""

from __future__ import annotations

import gzip
import os
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

START = 1024
"""Bytes at the beginning of a file by which it is known again."""

LONGEST_LINE = 1 << 20
"""A line of NGINX has some 800 bytes; whatever is longer than this is none, and is not kept in memory."""

NO_ENTRY = 50
"""Fewer bytes do not name a file: entries differ in their id, which ends at byte 49."""

TAIL = 1024
"""Bytes before the position by which is seen whether the file was cut, and has grown again since."""

CHUNK = 1 << 20
"""Bytes that are read at once, so that a log of any size needs the same memory."""

UNREADABLE = (OSError, EOFError, zlib.error)
"""What a file beside the log may raise: it is forbidden, was just removed, or is compressed by half or damaged."""


class Piece(msgspec.Struct, gc=False):
    """A line without its newline. offset, end: where it begins, and where the next one does.

    whole: False for one that was cut because it is longer than LONGEST_LINE, or has no newline at the end of a file
    that nobody writes any more. last: the last bytes of a line that is too long, of which `text` has only the first.
    """

    text: bytes
    offset: int
    end: int
    whole: bool
    last: bytes = b""


@dataclass(slots=True)
class Mark:
    """Which file, and how far it was read. tail: digest of the last `tail_length` bytes before `offset`."""

    device: int
    inode: int
    start: str
    start_length: int
    offset: int
    tail: str = ""
    tail_length: int = 0


class Log:
    """One file of a log, open. `mark` says how far it was read; `damaged`, whether a compressed one breaks off."""

    def __init__(self, path: Path, mark: Mark | None = None) -> None:
        """Open `path` at `mark`, or at its beginning. Raises OSError."""
        self.path = path
        self.file: BinaryIO = open_log(path)
        stat = os.fstat(self.file.fileno())
        self.mark = mark or Mark(stat.st_dev, stat.st_ino, digest(b""), 0, 0)
        self.identity = stat.st_dev, stat.st_ino
        self.damaged = False
        self._start = self._before = self._done = b""

    @property
    def compressed(self) -> bool:
        """Nobody writes to a compressed file, and going back in it reads it from its beginning."""
        return self.path.suffix == ".gz"

    @property
    def length(self) -> int:
        """The bytes that are there now; of a compressed file that is not known."""
        return sys.maxsize if self.compressed else os.fstat(self.file.fileno()).st_size

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def pieces(self, *, final: bool = False) -> Iterator[Piece]:
        """Read the lines that are there now, and none that is written meanwhile.

        A half-written last one is left, unless the file is `final`. Ends where the file was cut meanwhile: what is in
        it then is of another time.
        """
        buffer, offset, skipping = b"", self.mark.offset, False
        at = offset
        there = self.length
        while at < there and (chunk := self._next(at, min(CHUNK, there - at))):
            at += len(chunk)
            buffer += chunk
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                end = offset + len(line) + 1
                if skipping:
                    skipping = False
                else:
                    yield Piece(line, offset, end, whole=True)
                offset = end
            if len(buffer) > LONGEST_LINE:
                end = offset + len(buffer)
                if not skipping:
                    yield Piece(buffer[:4096], offset, end, whole=False, last=buffer[-TAIL:])
                offset, buffer, skipping = end, b"", True
        if final and buffer and not skipping:
            yield Piece(buffer, offset, offset + len(buffer), whole=False)

    def advance(self, pieces: list[Piece]) -> Mark:
        """Remember that everything up to the end of `pieces` is done with, and by what the file is known again."""
        offset = pieces[-1].end
        if self.mark.start_length < START and offset > self.mark.start_length:
            # not what the file begins with now: it may have been truncated since
            start = self._start[:offset]
            self.mark.start, self.mark.start_length = digest(start), len(start)
        tail = self._done = self._tail(pieces)
        self.mark.offset, self.mark.tail, self.mark.tail_length = offset, digest(tail), len(tail)
        return self.mark

    def _tail(self, pieces: list[Piece]) -> bytes:
        """Return the bytes before the end of `pieces`, as they were when they were read."""
        found, begins = b"", pieces[-1].end
        for piece in reversed(pieces):
            if piece.end != begins or len(found) >= TAIL:
                break
            found = (piece.last or piece.text + b"\n" * piece.whole) + found
            begins = piece.offset
        # not what is there now: it may have been truncated since
        return ((self._done if begins == self.mark.offset else b"") + found)[-TAIL:]

    def know(self, *, final: bool = False) -> None:
        """Remember by what the file is known again, before anything of it is done with.

        A half-written line at the beginning says nothing yet, unless the file is `final`.
        """
        start = self._read(0, START)
        if len(start) < START and not final:
            start = start[: start.rfind(b"\n") + 1]
        self._start = start
        self.mark.start, self.mark.start_length = digest(start), len(start)

    def _next(self, at: int, length: int) -> bytes:
        """Read on at `at`; nothing where the bytes before, or the beginning, are not what they were."""
        if self.compressed:
            chunk = self._read(at, length)
            return chunk if self._goes_on(chunk, at) else b""
        known = at == self.mark.offset
        back = self.mark.tail_length if known else len(self._before)
        found = self._read(at - back, back + length)
        before, chunk = found[:back], found[back:]
        if known and back and digest(before) != self.mark.tail:
            return b""
        if known:
            self._done = before
        if (not known and before != self._before) or not self._goes_on(chunk, at):
            return b""
        self._before = found[-TAIL:]
        return chunk

    def _goes_on(self, chunk: bytes, at: int) -> bool:
        """Tell whether the file still began as it did after `chunk` was read at `at`."""
        if not self._start:
            self._start = chunk[:START] if at == 0 else self._read(0, START)
            return digest(self._start[: self.mark.start_length]) == self.mark.start
        if self.compressed:
            return True
        now, before = self._read(0, START), self._start
        self._start = now
        return now.startswith(before)

    def begins_with(self, mark: Mark) -> bool:
        """Tell whether the file begins as that of `mark` did."""
        return digest(self._read(0, mark.start_length)) == mark.start

    def holds(self, mark: Mark) -> bool:
        """Tell whether the file is that of `mark`: with the same beginning, and all that was read is still in it.

        The device and the inode do not count: an inode is used again, and a copy has another. They do where the
        beginning is a part of an entry, with which other files begin too.
        """
        if mark.start_length < NO_ENTRY and self.identity != (mark.device, mark.inode):
            return False
        if self.length < mark.offset or not self.begins_with(mark):
            return False
        tail = self._read(mark.offset - mark.tail_length, mark.tail_length) if mark.tail_length else b""
        return not mark.tail_length or digest(tail) == mark.tail

    def _read(self, at: int, length: int) -> bytes:
        if not isinstance(self.file, gzip.GzipFile):
            self.file.seek(at)
            return self.file.read(length)
        found = b""
        try:
            self.file.seek(at)
            # in small pieces: of a large one that breaks off nothing would be left
            while len(found) < length and (piece := self.file.read1(length - len(found))):
                found += piece
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.damaged = True
        return found


def open_log(path: Path) -> BinaryIO:
    """Open a log for reading, a compressed one too. Raises OSError."""
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.GzipFile(path))
    # a buffer would give back what stood there before a truncation
    return cast("BinaryIO", path.open("rb", buffering=0))


def digest(start: bytes) -> str:
    """Return what a file is known by: 32 hexadecimal digits over its first bytes."""
    return blake2b(start, digest_size=16).hexdigest()


def rotated(path: Path, mark: Mark) -> Path | None:
    """Find where the file of `mark` went: renamed beside `path`, copied there (copytruncate), or compressed.

    Files beside it whose names begin with its own are looked at. None where there is none any more.

    Raises PermissionError where it may be one that must not be read.
    """
    forbidden: PermissionError | None = None
    for other in _beside(path):
        try:
            log = Log(other, mark)
        except PermissionError as error:
            forbidden = error
            continue
        except OSError:
            continue
        try:
            if log.holds(mark) and (not log.compressed or log.file.seek(0, os.SEEK_END) >= mark.offset):
                return other
        except UNREADABLE:
            continue
        finally:
            log.close()
    if forbidden is not None:
        raise forbidden
    return None


def later_than(path: Path, after: int, found: Path | None) -> list[Path]:
    """Return the files but `found` that were rotated away from `path` since `after`, a time in ns, oldest first.

    One that is compressed by half, or was removed meanwhile, is none yet, or none any more. Raises OSError.
    """
    others = [(other.stat().st_mtime_ns, other) for other in _beside(path) if other != found]
    return [other for at, other in sorted(others) if at >= after and _is_log(other)]


def left_alone(path: Path, seconds: float) -> bool:
    """Tell whether nobody has written to `path` for so long."""
    return time.time() - path.stat().st_mtime > seconds


def _is_log(path: Path) -> bool:
    try:
        with open_log(path) as file:
            return b'{"' in file.read(START)
    except PermissionError:
        raise
    except UNREADABLE:
        return False


def _beside(path: Path) -> list[Path]:
    return [
        other
        for other in path.parent.iterdir()
        if other.name != path.name and other.name.startswith(path.name) and other.is_file()
    ]
