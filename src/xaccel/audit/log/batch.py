"""Parse the pieces of a log into entries, and set aside what is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from xaccel.audit.log.line import Line, NotALine, read_line
from xaccel.audit.log.log_files import Piece
from xaccel.audit.models import Garbage

_BEGINS = re.compile(rb'\{"(?=(?:v|id)"\s*:)')
"""How an entry begins. No value can hold this: JSON escapes the quotes in it."""
_decode = json.JSONDecoder().raw_decode


@dataclass(slots=True)
class Batch:
    """What some pieces came to. places, texts: where each entry began, and its bytes."""

    lines: list[Line] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    garbage: list[Garbage] = field(default_factory=list)

    def add(self, entry: Line, offset: int, text: bytes) -> None:
        """Add an entry."""
        self.lines.append(entry)
        self.places.append(offset)
        self.texts.append(text)


def parse(path: Path, pieces: Iterable[Piece]) -> Batch:
    """Return the entries, and what is none.

    An entry that was torn, since the disk was full or the machine crashed, has no end of line: the next one follows on
    the same line, and is read all the same.
    """
    batch = Batch()
    for piece in pieces:
        try:
            batch.add(read_line(piece.text), piece.offset, piece.text)
        except NotALine as problem:
            reason = str(problem) if piece.whole else "no end of line"
            for offset, text, entry in _recovered(piece):
                if entry is None:
                    batch.garbage.append(garbage(path, offset, reason, text))
                else:
                    batch.add(entry, offset, text)
    return batch


def _recovered(piece: Piece) -> Iterator[tuple[int, bytes, Line | None]]:
    """Return the entries in `piece`, and what is none between them: offset, bytes and entry."""
    starts = [0, *(match.start() for match in _BEGINS.finditer(piece.text) if match.start())]
    torn = 0
    for start, end in zip(starts, [*starts[1:], len(piece.text)], strict=True):
        whole = piece.text[start : start + _length(piece.text[start:end])]
        try:
            entry = read_line(whole)
        except NotALine:
            continue
        if piece.text[torn:start].strip():
            yield piece.offset + torn, piece.text[torn:start], None
        yield piece.offset + start, whole, entry
        torn = start + len(whole)
    if piece.text[torn:].strip():
        yield piece.offset + torn, piece.text[torn:], None


def _length(text: bytes) -> int:
    """Return the length of the JSON object at the beginning of `text`, 0 if there is none."""
    plain = text.decode("utf-8", "surrogateescape")
    try:
        _, end = _decode(plain)
    except (ValueError, RecursionError):
        return 0
    return len(plain[:end].encode("utf-8", "surrogateescape"))


def garbage(path: Path, offset: int, reason: str, text: bytes) -> Garbage:
    """Return what is no entry, cut at 4 KB."""
    return Garbage(path=str(path), offset=offset, reason=reason, text=text[:4096], at=datetime.now(UTC))
