"""Taking a log in: each batch is one transaction with the position behind it. No crash loses or doubles a line."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from xaccel.audit import logs, owed, upsert
from xaccel.audit.conf import Configuration
from xaccel.audit.line import Decided, Line, NotALine, read_line
from xaccel.audit.logs import Log, Mark, Piece
from xaccel.audit.models import Garbage, LogPosition
from xaccel.audit.store import Applied, apply, late

logger = logging.getLogger("xaccel.audit")

BATCH = 5000
"""Lines a transaction: more gain nothing, and a crash repeats at most so many."""

RETRY_S = 30.0
"""How soon a signal that a receiver could not take is sent again."""


@dataclass(slots=True)
class Counted:
    """What was taken in. lost: files that were rotated away before their end was read and are not to be found."""

    lines: int = 0
    duplicates: int = 0
    garbage: int = 0
    lost: int = 0


class _File(NamedTuple):
    log: Log
    position: LogPosition | None
    final: bool


class Ingest:
    """What is taken in of one log."""

    def __init__(
        self,
        path: Path,
        conf: Configuration,
        *,
        using: str,
        seen: Callable[[int], object] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """`seen` is told of the bytes that are done with; `stopped` is asked between two batches."""
        self.path, self.conf, self.using = path.absolute(), conf, using
        self.seen, self.stopped = seen, stopped
        self.counted = Counted()
        self._owed_at = 0.0
        self._warned: set[str] = set()

    def once(self) -> bool:
        """Take in what is there now, in this file and in those that were rotated away; tell whether it was anything."""
        self._retry()
        before = self.counted.lines + self.counted.garbage
        for file in self._files():
            try:
                self._read(file)
            finally:
                file.log.close()
            if self.stopped():
                break
        self._take_late()
        return self.counted.lines + self.counted.garbage > before

    def _retry(self) -> None:
        if time.monotonic() >= self._owed_at:
            owed.deliver(self.using)
            self._owed_at = time.monotonic() + RETRY_S

    def _files(self) -> Iterator[_File]:
        current: _File | None = None
        for position in self._positions().filter(finished=False).order_by("at", "id"):
            if current is None and (log := self._current(position)):
                current = _File(log, position, False)
            else:
                yield from self._rotated(position)
        if current is not None:
            yield current
        elif self.path.exists():
            log = Log(self.path)
            yield _File(log, self._first(log), False)

    def _first(self, log: Log) -> LogPosition | None:
        """Note the first file of all before anything of it is taken: killed now, it is found under its next name."""
        log.know()
        if not log.mark.start_length:
            return None
        with transaction.atomic(using=self.using):
            upsert.alone(self.using)
            if self._positions().exists():
                return None
            position = self._new(log.mark)
            position.save(using=self.using)
        return position

    def _current(self, position: LogPosition) -> Log | None:
        mark = _mark(position)
        if not logs.is_current(mark, self.path):
            return None
        try:
            log = Log(self.path, mark)
        except FileNotFoundError:  # rotated away in between
            return None
        if log.same():
            return log
        log.close()
        return None

    def _rotated(self, position: LogPosition) -> Iterator[_File]:
        """Yield the file of `position`, which is no longer the current one, and what was rotated away after it.

        What must not be read, or is moved at this moment, is looked for again the next time: it is not lost.
        """
        try:
            yield from self._beside(position)
        except OSError as error:
            if str(error) not in self._warned:
                self._warned.add(str(error))
                logger.warning(
                    "%s: a file beside it cannot be read, and is tried again: %s", self.path, error
                )

    def _beside(self, position: LogPosition) -> Iterator[_File]:
        mark = _mark(position)
        found = logs.rotated(self.path, mark)
        if found is None:
            logger.warning(
                "%s: the file that was read to byte %d is not to be found beside it. What followed there is lost.",
                *(self.path, position.offset),
            )
            self.counted.lost += 1
        else:
            done = logs.left_alone(found, self.conf.drain_s)
            yield _File(Log(found, mark), position, done)
            for other in logs.later_than(self.path, found):
                log = Log(other)
                if self._known(log) or log.damaged:  # damaged so early: compressed at this moment
                    log.close()
                else:
                    yield _File(log, None, logs.left_alone(other, self.conf.drain_s))
            if not done:  # NGINX may still write to it, until it has opened the new one
                return
        # What was rotated after the newest one is found by it: that one is never done with.
        later = self._positions().filter(pk__gt=position.pk).exists()
        if (later or found is None) and not self.stopped():
            self._positions().filter(pk=position.pk).update(finished=True)

    def _positions(self) -> QuerySet[LogPosition]:
        return LogPosition.objects.using(self.using).filter(path=str(self.path))

    def _known(self, log: Log) -> bool:
        rows = self._positions().filter(start_length__gt=0)
        return any(log.begins_with(row.start_length) == row.start for row in rows)

    def _read(self, file: _File) -> None:
        position = file.position
        found = file.log.pieces(final=file.final)
        while pieces := list(islice(found, BATCH)):
            position = self._take(file.log, position, pieces)
            if position is None or self.stopped():
                return

    def _take(self, log: Log, position: LogPosition | None, pieces: list[Piece]) -> LogPosition | None:
        """Return the position behind `pieces`; None where another process was faster, which changes nothing."""
        with _no_collection(), transaction.atomic(using=self.using):
            lines, garbage = parse(self.path, pieces)
            upsert.alone(self.using)
            current = self._locked(log, position)
            if current is None:
                return None
            applied = self._store(lines, garbage)
            mark = log.advance(pieces[-1].end)
            current.offset, current.start, current.start_length = mark.offset, mark.start, mark.start_length
            current.lines += len(lines)
            current.garbage += len(garbage)
            current.at = datetime.now(UTC)
            current.save(using=self.using)
        self._told(applied, garbage, pieces[-1].end - pieces[0].offset)
        return current

    def _locked(self, log: Log, position: LogPosition | None) -> LogPosition | None:
        if position is None:
            return None if self._known(log) else self._new(log.mark)
        found = LogPosition.objects.using(self.using).get(pk=position.pk)
        return found if found.offset == position.offset else None

    def _new(self, mark: Mark) -> LogPosition:
        return LogPosition(
            path=str(self.path),
            device=mark.device,
            inode=mark.inode,
            start=mark.start,
            start_length=mark.start_length,
            offset=0,
            at=datetime.now(UTC),
        )

    def take_stream(self, texts: Iterable[tuple[bytes, ...]]) -> None:
        """Take in lines that come without a position, in batches: whoever sends them sends them again after a crash.

        An empty batch is a pause.
        """
        for batch in texts:
            if not batch:
                self._retry()
                self._take_late()
                continue
            pieces = [Piece(text.rstrip(b"\n"), 0, 0, whole=len(text) <= logs.LONGEST_LINE) for text in batch]
            self._take_batch(pieces, sum(map(len, batch)))
        self._take_late()

    def _take_late(self) -> None:
        """Make whole what only waited for its decision, though no line is new."""
        if late(self.using).exists():
            self._take_batch([])

    def _take_batch(self, pieces: list[Piece], size: int = 0) -> None:
        with _no_collection(), transaction.atomic(using=self.using):
            lines, garbage = parse(self.path, pieces)
            upsert.alone(self.using)
            applied = self._store(lines, garbage)
        self._told(applied, garbage, size)

    def _store(self, lines: list[Line | Decided], garbage: list[Garbage]) -> Applied:
        applied = apply(lines, using=self.using, conf=self.conf)
        Garbage.objects.using(self.using).bulk_create(garbage)
        owed.note(applied, using=self.using)
        return applied

    def _told(self, applied: Applied, garbage: list[Garbage], size: int) -> None:
        """Count what is committed, and send the signals for it."""
        self.counted.lines += applied.lines
        self.counted.duplicates += applied.duplicates
        self.counted.garbage += len(garbage)
        self.seen(size)
        owed.deliver(self.using)


def parse(path: Path, pieces: Iterable[Piece]) -> tuple[list[Line | Decided], list[Garbage]]:
    """Return the lines, and what is none."""
    lines: list[Line | Decided] = []
    garbage: list[Garbage] = []
    for piece in pieces:
        try:
            if not piece.whole:
                raise NotALine("no end of line")
            lines.append(read_line(piece.text))
        except NotALine as problem:
            if piece.text.strip():
                garbage.append(
                    Garbage(
                        path=str(path),
                        offset=piece.offset,
                        reason=str(problem),
                        text=piece.text[:4096],
                        at=datetime.now(UTC),
                    )
                )
    return lines, garbage


@contextmanager
def _no_collection() -> Iterator[None]:
    """A batch makes a hundred thousand objects that no cycle holds: to look for one took a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _mark(position: LogPosition) -> Mark:
    return Mark(position.device, position.inode, position.start, position.start_length, position.offset)
