"""Find the files of one log, and how far each of them was read: through rotations, truncations and crashes."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from django.db.models import QuerySet

from xaccel.audit.database import writing
from xaccel.audit.log.log_file import LogFile, digest
from xaccel.audit.models import LogPosition
from xaccel.audit.signals import logger
from xaccel.audit.values import storable

_UNREADABLE = "a file beside it cannot be read, and is tried again: %s"
_COARSE_S = 1.0
"""How far the times of files may be behind the clock."""

_Known = tuple[Path, int, int, int, int | None, int]


class LogFiles:
    """The files of one log. lost: how many were cut, or are gone, before their end was surely read."""

    def __init__(self, path: Path, *, using: str, drain_s: float, stopped: Callable[[], bool]) -> None:
        self.path, self.using, self.drain_s, self.stopped = path, using, drain_s, stopped
        self.lost = 0
        self._warned: set[str] = set()
        # Decompressing takes long, and --follow looks at the files twice a second.
        self._not_wanted: dict[_Known, str] = {}  # compressed files, with the error of a damaged one
        self._read_out: dict[int, _Known] = {}  # by row: its compressed file, read to its end

    def __iter__(self) -> Iterator[LogFile]:
        """Yield what may have more to read: rotated files first, the current file last. The caller closes them."""
        current: LogFile | None = None
        with ExitStack() as opened:  # the caller may not come to the current file
            for position in self._rows().filter(finished=False).order_by("at", "id"):
                if current is None and (log := self._current(position)):
                    current = log
                    opened.callback(log.close)
                else:
                    try:
                        yield from self._rotated(position)
                    except OSError as error:  # not lost: looked for again the next time
                        self._warn_once(str(error), _UNREADABLE, error)
            current = current or self._opened(self.path)
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
        return LogPosition.objects.using(self.using).filter(path=storable(str(self.path)))

    def _current(self, position: LogPosition) -> LogFile | None:
        """Open the log if its current file is that of `position`."""
        try:
            return self._open_if(self.path, position, lambda log: log.is_that_of(position))
        except PermissionError:
            stat = self.path.stat()
            if (stat.st_dev, stat.st_ino) == (position.device, position.inode):
                raise
            return None  # a new file: what was rotated away is read first

    def _rotated(self, position: LogPosition) -> Iterator[LogFile]:
        """Yield the file of `position`, which is no longer the current one, and what was rotated away after it.

        Raises OSError for a file that must not be read, or is moved at this moment.
        """
        files = self._files()
        found = self._find(position, files)
        final = True
        if found is None:
            self.lost += self._warn_once(
                f"row {position.pk}",
                "the file that was read up to byte %d was truncated, or its rotated file is missing. Log entries after"
                " that byte may be lost. The current file is read from its start.",
                position.offset,
            )
            after = position.at.timestamp() - _COARSE_S
        else:
            path, log = found
            after, final = path.stat().st_mtime, self._is_final(path)
            if log is not None:
                log.final = final
                yield log
        beside = [(other.stat().st_mtime, other) for other in files if not found or other != found[0]]
        for other in [other for at, other in sorted(beside) if at >= after]:
            try:
                log = self._opened(other, final=self._is_final(other))
            except gzip.BadGzipFile as error:
                self._warn_once(str(other), _UNREADABLE, error)
                final = False
            else:
                yield from [log] if log else []
        # What is rotated away after the newest file is found by it, so its row stays open.
        newer = self._rows().filter(pk__gt=position.pk).exists()
        # A file that was renamed meanwhile may have been missed.
        if final and newer and not self.stopped() and self._files() == files:
            self._rows().filter(pk=position.pk).update(finished=True)

    def _find(self, position: LogPosition, files: Iterable[Path]) -> tuple[Path, LogFile | None] | None:
        """Find where the file of `position` went: renamed beside the log, or copied there (copytruncate).

        Return its path and the file, or None for a compressed one that has nothing after `position`.
        Raises PermissionError where it may be one that must not be read.
        """
        forbidden: PermissionError | None = None
        for other in files:
            try:
                known = _known(other, position)
                if self._read_out.get(position.pk) == known:
                    return other, None
                if log := self._open_if(other, position, lambda log: log.is_that_of(position)):
                    if other.suffix == ".gz" and log.length <= position.offset:
                        self._read_out[position.pk] = known
                    return other, log
            except PermissionError as error:
                forbidden = error
            except OSError:
                continue
        if forbidden is not None:
            raise forbidden
        return None

    def _files(self) -> dict[Path, int]:
        """Return the inodes of the files beside the log whose names begin with its own, compressed ones last."""
        own = self.path.name
        with os.scandir(self.path.parent) as found:
            named = (entry for entry in found if entry.name.startswith(own) and entry.is_file())
            files = {Path(entry.path): entry.inode() for entry in named if entry.name != own}
        return dict(sorted(files.items(), key=lambda file: file[0].suffix == ".gz"))

    def _is_final(self, path: Path) -> bool:
        """Tell whether nobody has written to a rotated file for `drain_s`."""
        return path.suffix == ".gz" or time.time() - path.stat().st_mtime > self.drain_s

    def _opened(self, path: Path, *, final: bool = False) -> LogFile | None:
        """Open a file that belongs to no open row. None where there is nothing new in it."""
        new = LogPosition(path=storable(str(self.path)), offset=0, start_length=0, tail=digest(b""))
        return self._open_if(
            path, new, lambda log: log.identify(path == self.path) and self._store_position(log), final=final
        )

    def _store_position(self, log: LogFile) -> bool:
        """Make the row of a file before anything of it is read: killed now, it is found under its next name."""
        with writing(self.using):
            new = log.position
            # Only its bytes tell the row of a file that was read, since an inode is used again.
            rows = self._rows().filter(start_length__gt=0).order_by("-offset", "finished", "-pk")
            known = next((row for row in rows if log.is_that_of(row)), None)
            if known is not None:
                if not known.finished or log.length <= known.offset:
                    return False
                known.pk, known.finished = None, False
            log.position = known or new
            log.position.at = datetime.now(UTC)
            log.position.save(using=self.using, force_insert=True)
        return True

    def _open_if(
        self, path: Path, position: LogPosition, is_wanted: Callable[[LogFile], bool], *, final: bool = False
    ) -> LogFile | None:
        """Open a file if it is the one that is wanted. Raises OSError if that cannot be read."""
        with ExitStack() as opened:
            try:
                known = _known(path, position)
                if error := self._not_wanted.get(known):
                    raise gzip.BadGzipFile(error)
                if error is not None:
                    return None
                log = LogFile(path, position, final=final)
            except FileNotFoundError:  # rotated away in between
                return None
            except gzip.BadGzipFile as damaged:
                self._not_wanted[known] = str(damaged)
                raise
            opened.callback(log.close)
            if is_wanted(log):
                opened.pop_all()
                return log
            if path.suffix == ".gz":
                self._not_wanted[known] = ""
            return None


def _known(path: Path, position: LogPosition) -> _Known:
    """Return what identifies a file that is not written any more, and how much of it was read."""
    stat = path.stat()
    return path, stat.st_ino, stat.st_size, stat.st_mtime_ns, position.pk, position.offset
