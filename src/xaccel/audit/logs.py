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

CHUNK = 1 << 20
"""Bytes that are read at once, so that a log of any size needs the same memory."""

UNREADABLE = (OSError, EOFError, zlib.error)
"""What a file beside the log may raise: it is forbidden, was just removed, or is compressed by half or damaged."""


class Piece(msgspec.Struct, gc=False):
    """A line without its newline. offset, end: where it begins, and where the next one does.

    whole: False for one that was cut because it is longer than LONGEST_LINE, or has no newline at the end of a file
    that nobody writes any more.
    """

    text: bytes
    offset: int
    end: int
    whole: bool


@dataclass(slots=True)
class Mark:
    """Which file, and how far it was read."""

    device: int
    inode: int
    start: str
    start_length: int
    offset: int


class Log:
    """One file of a log, open. `mark` says how far it was read; `damaged`, whether a compressed one breaks off."""

    def __init__(self, path: Path, mark: Mark | None = None) -> None:
        """Open `path` at `mark`, or at its beginning. Raises OSError."""
        self.path = path
        self.file: BinaryIO = open_log(path)
        stat = os.fstat(self.file.fileno())
        self.mark = mark or Mark(stat.st_dev, stat.st_ino, digest(b""), 0, 0)
        self.damaged = False
        self._start = b""

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def pieces(self, *, final: bool = False) -> Iterator[Piece]:
        """Read the lines that are there now, and none that is written meanwhile.

        A half-written last one is left, unless the file is `final`. Ends where the file was truncated meanwhile: what
        stands there is of another time.
        """
        buffer, offset, skipping = b"", self.mark.offset, False
        at = offset
        there = os.fstat(self.file.fileno()).st_size if self.path.suffix != ".gz" else sys.maxsize
        while at < there and (chunk := self._read(at, min(CHUNK, there - at))) and self._goes_on(chunk, at):
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
                if not skipping:
                    yield Piece(buffer[:4096], offset, offset + len(buffer), whole=False)
                offset, buffer, skipping = offset + len(buffer), b"", True
        if final and buffer and not skipping:
            yield Piece(buffer, offset, offset + len(buffer), whole=False)

    def advance(self, offset: int) -> Mark:
        """Remember that everything before `offset` is done with, and by what the file is known again."""
        if self.mark.start_length < START and offset > self.mark.start_length:
            # not what the file begins with now: it may have been truncated since
            start = self._start[:offset]
            self.mark.start, self.mark.start_length = digest(start), len(start)
        self.mark.offset = offset
        return self.mark

    def know(self) -> None:
        """Remember by what the file is known again, before anything of it is done with."""
        self._start = self._read(0, START)
        self.mark.start, self.mark.start_length = digest(self._start), len(self._start)

    def _goes_on(self, chunk: bytes, at: int) -> bool:
        """Tell whether the file still began as it did after `chunk` was read at `at`."""
        if not self._start:
            self._start = chunk[:START] if at == 0 else self._read(0, START)
            return digest(self._start[: self.mark.start_length]) == self.mark.start
        if self.path.suffix == ".gz":  # nobody writes to it, and going back reads it anew
            return True
        now, before = self._read(0, START), self._start
        self._start = now
        return now.startswith(before)

    def begins_with(self, length: int) -> str:
        """Return the digest of the first `length` bytes."""
        return digest(self._read(0, length))

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

    def same(self) -> bool:
        """Tell whether the file still begins as it did, and is no shorter than what was read."""
        if os.fstat(self.file.fileno()).st_size < self.mark.offset and self.path.suffix != ".gz":
            return False
        return self.begins_with(self.mark.start_length) == self.mark.start


def open_log(path: Path) -> BinaryIO:
    """Open a log for reading, a compressed one too. Raises OSError."""
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.GzipFile(path))
    # a buffer would give back what stood there before a truncation
    return cast("BinaryIO", path.open("rb", buffering=0))


def digest(start: bytes) -> str:
    """Return what a file is known by: 32 hexadecimal digits over its first bytes."""
    return blake2b(start, digest_size=16).hexdigest()


def is_current(mark: Mark, path: Path) -> bool:
    """Tell whether `path` names the file of `mark`, by device and inode."""
    try:
        stat = path.stat()
    except OSError:
        return False
    return (stat.st_dev, stat.st_ino) == (mark.device, mark.inode)


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
            if mark.start_length and log.same() and _length(log) >= mark.offset:
                return other
            if not mark.start_length and is_current(mark, other):
                return other
        except UNREADABLE:
            continue
        finally:
            log.close()
    if forbidden is not None:
        raise forbidden
    return None


def later_than(path: Path, found: Path) -> list[Path]:
    """Return the files that were rotated away from `path` after `found`, oldest first.

    One that is compressed by half, or was removed meanwhile, is none yet, or none any more. Raises OSError.
    """
    after = found.stat().st_mtime_ns
    others = [(other.stat().st_mtime_ns, other) for other in _beside(path) if other != found]
    return [other for at, other in sorted(others) if at > after and _is_json(other)]


def left_alone(path: Path, seconds: float) -> bool:
    """Tell whether nobody has written to `path` for so long."""
    return time.time() - path.stat().st_mtime > seconds


def _is_json(path: Path) -> bool:
    try:
        with open_log(path) as file:
            return file.read(1) == b"{"
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


def _length(log: Log) -> int:
    return log.file.seek(0, os.SEEK_END) if log.path.suffix == ".gz" else os.fstat(log.file.fileno()).st_size
