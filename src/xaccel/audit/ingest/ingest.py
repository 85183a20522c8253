"""Store the entries of a log: each batch in one transaction with the position, so that a crash loses none."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

from django.db import DataError, connections, transaction

from xaccel.audit.database import writing
from xaccel.audit.ingest.store import store
from xaccel.audit.log.entry import Found, Piece, parse
from xaccel.audit.log.lag import lag_s
from xaccel.audit.log.log_file import LogFile
from xaccel.audit.log.positions import LogFiles
from xaccel.audit.models import Download, LogPosition, PendingSignal, RejectedLine, Transfer
from xaccel.audit.removals import removed_until
from xaccel.audit.settings import AuditSettings
from xaccel.audit.signals import RETRY_S, deliver, download_completed, logger, transfer_completed
from xaccel.audit.values import storable

BATCH = 5000
"""Entries a transaction: more gain nothing, and a crash repeats at most so many."""
BATCH_BYTES = 16 * 1024 * 1024
"""Bytes a transaction: four times those of usual entries. A wrong file may have lines of 1 MiB."""
POISON = (DataError, ValueError, ArithmeticError)
"""Errors for an entry whose values fit no column. An IntegrityError has other causes, and may be gone later."""
_SIGNALS_AT_ONCE = 500


class Ingest:
    """The ingestion of one log."""

    def __init__(
        self, path: Path, conf: AuditSettings, *, using: str, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """`stopped` is asked between two batches."""
        self.path, self.conf, self.using, self.stopped = path.absolute(), conf, using, stopped
        self.counted = Counter[str]()
        self._files = LogFiles(self.path, using=using, drain_s=conf.drain_s, stopped=stopped)
        self._retry_at = 0.0
        self._sent_to = 0
        self._read_to = 0

    def ingest_available(self) -> bool:
        """Ingest everything written so far, rotated files included. Return whether anything was read."""
        if time.monotonic() >= self._retry_at:
            self._send_signals()
        before = self.counted.total()
        for log in self._files:
            with closing(log):
                self._read(log)
            if self.stopped():
                break
        found = self.counted.total() > before
        self.counted["lost"] = self._files.lost
        return found

    def lag_s(self) -> float:
        """Return the age of the oldest entry of the current log that is not ingested; -1 if not known."""
        try:
            return lag_s(self.path, self._read_to)
        except OSError:
            return -1.0

    def _read(self, log: LogFile) -> None:
        batches = _batches(log.pieces())
        while True:
            if log.path == self.path:
                self._read_to = log.position.offset
            pieces = next(batches, [])
            if not pieces or not self._take(log, pieces) or self.stopped():
                return

    def _take(self, log: LogFile, pieces: list[Piece]) -> bool:
        """Store `pieces` and the position after them; False where another process was faster, which changes nothing."""
        with _no_collection(), writing(self.using):
            found = list(parse(pieces))
            same = LogPosition.objects.using(self.using).filter(
                pk=log.position.pk, finished=False, offset=log.position.offset
            )
            if not same.exists():
                return False
            counted = self._store(found)
            counted["rejected"] = self._set_aside(found)
            log.advance(pieces)
            log.position.at = datetime.now(UTC)
            log.position.save(using=self.using)
        self.counted.update(counted)
        connections[self.using].queries_log.clear()  # with DEBUG, it has the text of each statement
        self._send_signals()
        return True

    def _send_signals(self) -> None:
        """Send the signals of new rows, and every RETRY_S seconds also those that a receiver could not take."""
        if time.monotonic() >= self._retry_at:
            self._sent_to, self._retry_at = 0, time.monotonic() + RETRY_S
        self._sent_to = send_signals(self.using, after=self._sent_to)

    def _store(self, found: list[Found]) -> Counter[str]:
        """Store the entries of `found`. One that cannot be stored is rejected: it is looked for in halves."""
        try:
            with transaction.atomic(using=self.using):
                return store([each.entry for each in found if each.entry], using=self.using, conf=self.conf)
        except POISON as error:
            half = len(found) // 2
            if half:
                return self._store(found[:half]) + self._store(found[half:])
            found[0].entry, found[0].reason = None, f"cannot be stored: {type(error).__name__}"
            message = "%s: the entry at byte %d %s. It is stored in xaccel_rejected_line."
            logger.warning(message, self.path, found[0].offset, found[0].reason)
            return Counter()

    def _set_aside(self, found: list[Found]) -> int:
        """Store rejected lines, but not again: a file that was cut is read again. Return how many.

        A rejected line behind an entry from before the last `prune` was deleted by it.
        """
        times = [each.entry.started_at for each in found if each.entry]
        if len(times) == len(found):
            return 0
        pruned, path = removed_until("prune", using=self.using), storable(str(self.path))
        started, now = times[0] if times else pruned, datetime.now(UTC)
        rows = []
        for each in found:
            if each.entry:
                started = each.entry.started_at
            elif started >= pruned:
                text = each.text[:4096]
                what = f"{path}\0{each.offset}\0".encode("utf-8", "surrogateescape") + text
                id_ = UUID(bytes=blake2b(what, digest_size=16).digest())
                where = {"path": path, "offset": each.offset, "reason": each.reason}
                rows.append(RejectedLine(id=id_, text=text, at=now, **where))
        return len(RejectedLine.objects.using(self.using).bulk_create(rows, ignore_conflicts=True))


def _batches(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    batch, size = list[Piece](), 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.text)
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def send_signals(using: str, *, after: int = 0) -> int:
    """Send the signals that were stored with the rows, beginning behind number `after`; return the last number."""
    if not (transfer_completed.has_listeners(Transfer) or download_completed.has_listeners(Download)):
        return after
    last = after
    while rows := list(
        PendingSignal.objects.using(using).filter(pk__gt=last).order_by("pk")[:_SIGNALS_AT_ONCE]
    ):
        last = rows[-1].pk
        transfers = Transfer.objects.using(using).in_bulk([row.transfer for row in rows if row.transfer])
        downloads = Download.objects.using(using).in_bulk([row.download for row in rows if row.download])
        done = []
        for row in rows:
            taken = True  # one whose row was pruned meanwhile is not sent
            if transfer := row.transfer and transfers.get(row.transfer):
                taken = deliver(using, transfer_completed, Transfer, transfer=transfer)
            elif download := row.download and downloads.get(row.download):
                taken = deliver(using, download_completed, Download, download=download)
            done += [row.pk] if taken else []
        PendingSignal.objects.using(using).filter(pk__in=done).delete()
    return last


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the garbage collector: a batch makes 100,000 objects without a cycle, and looking for one took a fifth of
    the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
