"""Find the files of one log, and how far each of them was read: through rotations, truncations and crashes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from xaccel.audit.ingest import upsert
from xaccel.audit.log import log_files
from xaccel.audit.log.log_files import Log, Mark
from xaccel.audit.models import LogPosition

logger = logging.getLogger("xaccel.audit")

_COARSE = timedelta(seconds=1)
"""How far the times of files may be behind the clock."""


class File(NamedTuple):
    """An open file, and the row that says how far it was read. final: nobody writes to it any more."""

    log: Log
    position: LogPosition
    final: bool


class Files:
    """The files of one log. lost: how many were cut, or are gone, before their end was surely read."""

    def __init__(self, path: Path, *, using: str, drain_s: float, stopped: Callable[[], bool]) -> None:
        self.path, self.using, self.drain_s, self.stopped = path, using, drain_s, stopped
        self.lost = 0
        self._warned: set[str] = set()

    def __iter__(self) -> Iterator[File]:
        """Yield what may have more to read: rotated files first, the current file last. The caller closes them."""
        current: File | None = None
        for position in self._rows().filter(finished=False).order_by("at", "id"):
            if current is None and (log := self._current(position)):
                current = File(log, position, final=False)
            else:
                yield from self._rotated(position)
        current = current or self._opened(self.path, current=True)
        if current is not None:
            yield current

    def _warn_once(self, about: str, text: str, *values: object) -> bool:
        """Log a warning, once for each `about`. Return whether it was logged."""
        if about in self._warned:
            return False
        self._warned.add(about)
        logger.warning(f"%s: {text}", self.path, *values)
        return True

    def _rows(self) -> QuerySet[LogPosition]:
        return LogPosition.objects.using(self.using).filter(path=str(self.path))

    def _current(self, position: LogPosition) -> Log | None:
        """Open the log if its current file is the one of `position`."""
        mark = mark_of(position)
        try:
            log = Log(self.path, mark)
        except FileNotFoundError:  # rotated away in between
            return None
        except PermissionError:
            stat = self.path.stat()
            if (stat.st_dev, stat.st_ino) == (mark.device, mark.inode):
                raise
            return None  # a new file: what was rotated away is read first
        if log.holds(mark):
            return log
        log.close()
        return None

    def _rotated(self, position: LogPosition) -> Iterator[File]:
        """Yield the file of `position`, which is no longer the current one, and what was rotated away after it.

        A file that must not be read, or is moved at this moment, is looked for again the next time: it is not lost.
        """
        try:
            yield from self._beside(position)
        except OSError as error:
            self._warn_once(str(error), "a file beside it cannot be read, and is tried again: %s", error)

    def _beside(self, position: LogPosition) -> Iterator[File]:
        mark = mark_of(position)
        found = log_files.rotated(self.path, mark)
        drained = True
        if found is None:
            self._warn(position)
            after = int((position.at - _COARSE).timestamp() * 1e9)
        else:
            after = found.stat().st_mtime_ns
            drained = log_files.left_alone(found, self.drain_s)
            yield File(Log(found, mark), position, drained)
        for other in log_files.later_than(self.path, after, found):
            if file := self._opened(other, current=False):
                yield file
        # What is rotated away after the newest file is found by it, so its row stays open.
        newer = self._rows().filter(pk__gt=position.pk).exists()
        if drained and newer and not self.stopped():
            self._rows().filter(pk=position.pk).update(finished=True)

    def _warn(self, position: LogPosition) -> None:
        """Say that the file of `position` was cut, or is gone."""
        warned = self._warn_once(
            f"row {position.pk}",
            "the file that was read to byte %d was cut, or is not to be found beside it. What followed there and"
            " was not read is lost; what is there now is read from its start.",
            position.offset,
        )
        self.lost += warned

    def _opened(self, path: Path, *, current: bool) -> File | None:
        """Open a file that no open row was found to be of. None where there is nothing new in it."""
        try:
            log = Log(path)
        except FileNotFoundError:
            return None
        final = not current and log_files.left_alone(path, self.drain_s)
        log.know(final=final)
        position = self._noted(log, current=current) if log.mark.start_length else None
        if position is None:
            log.close()
            return None
        log.mark = mark_of(position)
        return File(log, position, final)

    def _noted(self, log: Log, *, current: bool) -> LogPosition | None:
        """Make the row of a file before anything of it is read: killed now, it is found under its next name."""
        with transaction.atomic(using=self.using):
            upsert.alone(self.using)
            known = self._row_of(log, current=current)
            if (
                log.damaged
            ):  # it breaks off where a row says that it was read: it is being compressed at this moment
                return None
            if known is None:
                position = self._new(log)
            elif known.finished and not log.compressed and log.length > known.offset:
                position = LogPosition.objects.using(self.using).get(pk=known.pk)
                position.pk, position.finished = None, False
                position.lines = position.garbage = 0
            else:
                return None
            position.at = datetime.now(UTC)
            position.save(using=self.using, force_insert=True)
        return position

    def _row_of(self, log: Log, *, current: bool) -> LogPosition | None:
        """Return the row of a file that was read: only its bytes tell, since an inode is used again."""
        for row in self._rows().filter(start_length__gt=0).order_by("-offset", "finished", "-pk"):
            # A row of an earlier version says nothing of the bytes before the position.
            trusted = row.tail_length or not (current and row.finished)
            if trusted and log.holds(mark_of(row)):
                return row
        return None

    def _new(self, log: Log) -> LogPosition:
        device, inode = log.identity
        return LogPosition(
            path=str(self.path),
            device=device,
            inode=inode,
            start=log.mark.start,
            start_length=log.mark.start_length,
            offset=0,
        )


def mark_of(position: LogPosition) -> Mark:
    """Return what the row of a file says of it."""
    return Mark(
        position.device,
        position.inode,
        position.start,
        position.start_length,
        position.offset,
        position.tail,
        position.tail_length,
    )
