"""Find the entries in lines, and set aside everything else. Apart from `entry`, which needs no Django settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from xaccel.audit.log.entry import LogEntry, NotAnEntry, read_entry
from xaccel.audit.log.log_file import Piece
from xaccel.audit.models import Garbage

_BEGINS = r'\{"(?:v|id)"\s*:'
"""How an entry begins. No value has this: JSON escapes the quotes in it."""
_PLAIN, _TEXT = r'[^{}"]', rf'"(?:(?!{_BEGINS})(?:[^"\\]|\\.))*"'
_ENTRY = re.compile(rf"{_BEGINS}(?:{_PLAIN}|{_TEXT})*\}}".encode(), re.DOTALL)


@dataclass(slots=True)
class Batch:
    """The entries of some lines. places: the offset and the bytes of each entry."""

    entries: list[LogEntry] = field(default_factory=list)
    places: list[tuple[int, bytes]] = field(default_factory=list)
    garbage: list[Garbage] = field(default_factory=list)


def parse(path: Path, pieces: Iterable[Piece]) -> Batch:
    """Return the entries of some lines, and what is none.

    An entry that was cut by a full disk or a crash has no end of line. The next entry is then on the same line, and is
    read too.
    """
    batch = Batch()
    for piece in pieces:
        try:
            batch.entries.append(read_entry(piece.text))
            batch.places.append((piece.offset, piece.text))
        except NotAnEntry as problem:
            reason = str(problem) if piece.whole else "no end of line"
            for offset, text, entry in _recovered(piece):
                if entry is None:
                    batch.garbage.append(garbage(path, offset, reason, text))
                else:
                    batch.entries.append(entry)
                    batch.places.append((offset, text))
    return batch


def _recovered(piece: Piece) -> Iterator[tuple[int, bytes, LogEntry | None]]:
    """Return offset, bytes and entry of the entries in a line, and of what is none between them."""
    torn = 0
    for match in _ENTRY.finditer(piece.text):
        try:
            entry = read_entry(match[0])
        except NotAnEntry:
            continue
        if piece.text[torn : match.start()].strip():
            yield piece.offset + torn, piece.text[torn : match.start()], None
        yield piece.offset + match.start(), match[0], entry
        torn = match.end()
    if piece.text[torn:].strip():
        yield piece.offset + torn, piece.text[torn:], None


def garbage(path: Path, offset: int, reason: str, text: bytes) -> Garbage:
    """Make the row of what is no entry, cut at 4 KB."""
    return Garbage(path=str(path), offset=offset, reason=reason, text=text[:4096], at=datetime.now(UTC))
