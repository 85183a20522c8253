"""Read one file of a log that is written, rotated and truncated meanwhile."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from xaccel.audit.log.entry import Piece
from xaccel.audit.models import LogPosition
from xaccel.site.transfer_log import MAX_ENTRY_SIZE

START = 1024
"""Bytes at the beginning of a file by which it is recognised."""
TAIL = 1024
"""Bytes before the position, which show that the file was cut and has grown again."""
NO_ENTRY = 50
"""Fewer bytes do not identify a file: entries differ in their id, which ends at byte 49."""
CHUNK = 1 << 20
"""Bytes that are read at once, so that a log of any size needs the same memory."""


class LogFile:
    """An open file of a log, and the row that says how far it was read. final: nobody writes to it any more."""

    def __init__(self, path: Path, position: LogPosition, *, final: bool = False) -> None:
        """Raises OSError."""
        self.path, self.position, self.final = path, position, final
        self._file = open_log(path)
        stat = os.fstat(self._file.fileno())
        self.identity = stat.st_dev, stat.st_ino

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def length(self) -> int:
        """The bytes that are there now."""
        return os.fstat(self._file.fileno()).st_size

    def pieces(self) -> Iterator[Piece]:
        """Read the lines present at the call; ignore later ones.

        A half-written last one is left, unless the file is `final`. Ends where the file was cut meanwhile: its content
        is another one then.
        """
        buffer, offset, skipping = b"", self.position.offset, False
        at, there, self._tail = offset, self.length, (self.position.tail_length, self.position.tail)
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
            if len(buffer) > MAX_ENTRY_SIZE:
                end = offset + len(buffer)
                if not skipping:
                    yield Piece(buffer[:4096], offset, end, whole=False, last=buffer[-TAIL:])
                offset, buffer, skipping = end, b"", True
        if self.final and buffer and not skipping:
            yield Piece(buffer, offset, offset + len(buffer), whole=False)

    def _next(self, at: int, length: int) -> bytes:
        """Read on at `at`; nothing where the bytes before, or the beginning, are not what they were."""
        back, tail = self._tail
        found = self._read(at - back, back + length)
        if digest(found[:back]) != tail or not self._begins_as_before():
            return b""
        self._tail = min(len(found), TAIL), digest(found[-TAIL:])
        return found[back:]

    def advance(self, pieces: list[Piece]) -> None:
        """Set the position after `pieces`, and what identifies the file there. The caller saves it.

        The digests are of bytes that were read, not of what is there now: the file may have been truncated since.
        """
        position, tail, begins = self.position, b"", pieces[-1].end
        for piece in reversed(pieces):
            if piece.end != begins or len(tail) >= TAIL:
                break
            tail = (piece.last or piece.text + b"\n" * piece.whole) + tail
            begins = piece.offset
        position.offset, position.tail = pieces[-1].end, digest(tail[-TAIL:])
        position.tail_length = min(len(tail), TAIL)
        position.device, position.inode = self.identity
        start = self._read(0, min(START, position.offset))
        if len(start) > position.start_length and digest(start[: position.start_length]) == position.start:
            position.start, position.start_length = digest(start), len(start)

    def identify(self, is_current: bool) -> bool:
        """Set what identifies the file before anything of it is read; return False where that is nothing.

        A half-written first line identifies no file yet, unless the file is `final`. A neighbouring file without an
        entry at its start is not a log.
        """
        start = self._read(0, START)
        if not (is_current or b'{"' in start):
            return False
        if len(start) < START and not self.final:
            start = start[: start.rfind(b"\n") + 1]
        self.position.start, self.position.start_length = digest(start), len(start)
        self.position.device, self.position.inode = self.identity
        return bool(start)

    def is_that_of(self, position: LogPosition) -> bool:
        """Tell whether the file is that of `position`: it has the same beginning, and all that was read is in it.

        Device and inode are compared only if the beginning is a part of an entry, since other files can begin with it.
        An inode is used again, and a copy has another inode.
        """
        self.position = position
        if position.start_length < NO_ENTRY and self.identity != (position.device, position.inode):
            return False
        tail_at = position.offset - position.tail_length
        return (
            self.length >= position.offset
            and self._begins_as_before()
            and digest(self._read(tail_at, position.tail_length)) == position.tail
        )

    def _begins_as_before(self) -> bool:
        return digest(self._read(0, self.position.start_length)) == self.position.start

    def _read(self, at: int, length: int) -> bytes:
        self._file.seek(at)
        return self._file.read(length)


def open_log(path: Path) -> IO[bytes]:
    """Open a log for reading; a compressed one is decompressed into a temporary file.

    Raises OSError, also for a file that is compressed by half or damaged.
    """
    if path.suffix != ".gz":
        return path.open("rb", buffering=0)  # a buffer would return what was there before a truncation
    with ExitStack() as stack:
        plain = stack.enter_context(TemporaryFile())
        try:
            with gzip.open(path) as file:
                shutil.copyfileobj(file, plain)
        except (EOFError, zlib.error) as error:
            raise gzip.BadGzipFile(f"{path}: {error}") from error
        plain.seek(0)
        stack.pop_all()
    return plain


def digest(text: bytes) -> str:
    """Return 32 hexadecimal digits by which bytes of a file are recognised."""
    return blake2b(text, digest_size=16).hexdigest()
