"""How far ingestion is behind the log: the age of the oldest entry that is not ingested."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from xaccel.audit.log.log_file import LONGEST_LINE
from xaccel.audit.models import LogPosition

LATE_S = 300
"""A following `ingest` reads an entry within seconds. It waits for a database that is restarted."""


class _Ended(msgspec.Struct, gc=False):
    end: float | None = None


def lag_s(path: Path, read_to: int) -> float:
    """Return the seconds since the oldest entry after byte `read_to` was written; 0 if there is none.

    A log that is shorter than `read_to` was rotated or cut, so all of it is not ingested. If the line is no entry, it
    is at least as old as the last change of the file. Rotated files are not looked at. Raises OSError.
    """
    with path.open("rb") as log:
        if log.seek(0, 2) >= read_to:
            log.seek(read_to)
        else:
            log.seek(0)
        line = log.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        return 0.0
    try:
        written = msgspec.json.decode(line, type=_Ended).end
    except msgspec.MsgspecError:
        written = None
    return max(0.0, time.time() - (path.stat().st_mtime if written is None else written))


def stored_lag_s(log: Path) -> float:
    """Return the lag by the position that the database has. Raises OSError."""
    stat = log.stat()
    known = LogPosition.objects.filter(device=stat.st_dev, inode=stat.st_ino, finished=False)
    return lag_s(log, known.order_by("-at").values_list("offset", flat=True).first() or 0)
