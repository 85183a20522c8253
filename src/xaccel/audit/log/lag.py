"""How far ingestion is behind NGINX's log."""

from __future__ import annotations

import time
from pathlib import Path

from xaccel.audit.log.entry import NotAnEntry, read_entry
from xaccel.site.transfer_log import MAX_ENTRY_SIZE


def lag_s(path: Path, read_to: int) -> float:
    """Return the seconds since the oldest entry after byte `read_to` was written; 0 if there is none.

    A log that is shorter than `read_to` was rotated or cut, so all of it is not ingested. If the line is no entry, it
    is at least as old as the last change of the file. Rotated files are not looked at. Raises OSError.
    """
    with path.open("rb") as log:
        log.seek(read_to if log.seek(0, 2) >= read_to else 0)
        line = log.readline(MAX_ENTRY_SIZE)
    if not line.endswith(b"\n"):
        return 0.0
    try:
        written = read_entry(line).ended_at.timestamp()
    except NotAnEntry:
        written = path.stat().st_mtime
    return max(0.0, time.time() - written)
