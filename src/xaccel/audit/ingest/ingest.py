"""Taking a log in: each batch is one transaction with the position behind it. No crash loses or doubles a line."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from django.db import DataError, IntegrityError, transaction

from xaccel.audit.conf import Configuration
from xaccel.audit.ingest import owed, removals, upsert
from xaccel.audit.ingest.store import Applied, apply
from xaccel.audit.log.batch import Batch, garbage, parse
from xaccel.audit.log.line import Line
from xaccel.audit.log.log_files import Log, Piece
from xaccel.audit.log.outage import Outage
from xaccel.audit.log.positions import File, Files
from xaccel.audit.models import Garbage, LogPosition

logger = logging.getLogger("xaccel.audit")

BATCH = 5000
"""Lines a transaction: more gain nothing, and a crash repeats at most so many."""

POISON = (DataError, IntegrityError, ValueError, ArithmeticError)
"""What an entry raises whose values no column holds."""

RETRY_S = 30.0
"""How soon a signal that a receiver could not take is sent again."""


@dataclass(slots=True)
class Counted:
    """What was taken in.

    skipped: entries that are older than what `prune` or `forget` removed. lost: files that were cut, or rotated away
    and are not to be found, so that what was not read of them is lost.
    """

    lines: int = 0
    duplicates: int = 0
    skipped: int = 0
    garbage: int = 0
    lost: int = 0


class Ingest:
    """What is taken in of one log."""

    def __init__(
        self,
        path: Path,
        conf: Configuration,
        *,
        using: str,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stopped` is asked between two batches."""
        self.path, self.conf, self.using = path.absolute(), conf, using
        self.stopped = stopped
        self.counted = Counted()
        self._files = Files(self.path, using=using, drain_s=conf.drain_s, stopped=stopped)
        self.outage = Outage(path, using=using, stopped=stopped)
        self._owed_at = 0.0
        self._read_to = 0

    def once(self) -> bool:
        """Take in what is there now, in this file and in those that were rotated away; tell whether it was anything."""
        self._retry()
        before = self.counted.lines + self.counted.garbage
        for file in self._files:
            try:
                self._read(file)
            finally:
                file.log.close()
            if self.stopped():
                break
        self.counted.lost = self._files.lost
        return self.counted.lines + self.counted.garbage > before

    def unread_bytes(self) -> int:
        """Return how much of the current log is not ingested, without a question to the database; -1 if not known."""
        try:
            length = self.path.stat().st_size
        except OSError:
            return -1
        return length - self._read_to if length >= self._read_to else length

    def _retry(self) -> None:
        if time.monotonic() >= self._owed_at:
            owed.deliver(self.using)
            self._owed_at = time.monotonic() + RETRY_S

    def _read(self, file: File) -> None:
        position: LogPosition | None = file.position
        if file.log.path == self.path:
            self._read_to = file.position.offset
        found = file.log.pieces(final=file.final)
        while position is not None and (pieces := list(islice(found, BATCH))):
            position = self._take(file.log, position, pieces)
            if position is not None and file.log.path == self.path:
                self._read_to = position.offset
            if self.stopped():
                return

    def _take(self, log: Log, position: LogPosition, pieces: list[Piece]) -> LogPosition | None:
        """Return the position behind `pieces`; None where another process was faster, which changes nothing."""
        with _no_collection(), transaction.atomic(using=self.using):
            batch = parse(self.path, pieces)
            upsert.alone(self.using)
            current = LogPosition.objects.using(self.using).filter(pk=position.pk, finished=False).first()
            if current is None or current.offset != position.offset:
                return None
            applied = self._store(batch)
            mark = log.advance(pieces)
            current.device, current.inode = log.identity
            current.offset, current.start, current.start_length = mark.offset, mark.start, mark.start_length
            current.tail, current.tail_length = mark.tail, mark.tail_length
            current.lines += len(batch.lines)
            current.garbage += len(batch.garbage)
            current.at = datetime.now(UTC)
            current.save(using=self.using)
        self._told(applied, batch)
        return current

    def _store(self, batch: Batch) -> Applied:
        try:
            applied = self._apply(batch.lines)
        except POISON:
            applied = self._apply_each(batch)
        batch.garbage = removals.new_garbage(batch, using=self.using)
        Garbage.objects.using(self.using).bulk_create(batch.garbage)
        owed.note(applied, using=self.using)
        return applied

    def _apply(self, entries: list[Line]) -> Applied:
        with transaction.atomic(using=self.using):
            return apply(entries, using=self.using, conf=self.conf)

    def _apply_each(self, batch: Batch) -> Applied:
        """Store the entries one by one, and set aside those that cannot be stored."""
        applied = Applied()
        for entry, offset, text in zip(batch.lines, batch.places, batch.texts, strict=True):
            try:
                applied.add(self._apply([entry]))
            except POISON as error:
                reason = f"cannot be stored: {type(error).__name__}"
                logger.warning("%s: the entry at byte %d %s. It is set aside.", self.path, offset, reason)
                batch.garbage.append(garbage(self.path, offset, reason, text))
        batch.garbage.sort(key=lambda row: row.offset)
        return applied

    def _told(self, applied: Applied, batch: Batch) -> None:
        """Count what is committed, and send the signals for it."""
        self.counted.lines += applied.lines
        self.counted.duplicates += applied.duplicates
        self.counted.skipped += applied.skipped
        self.counted.garbage += len(batch.garbage)
        owed.deliver(self.using)


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
