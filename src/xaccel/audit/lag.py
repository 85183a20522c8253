"""Report ingestion that is behind NGINX's log: the doctor's check XA506, and a gauge of `ingest`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from xaccel.audit.log.entry import LONGEST_LINE, NotAnEntry, read_entry
from xaccel.doctor.check import Skipped, check
from xaccel.doctor.running_site import RunningSite

LATE_S = 300
"""A following `ingest` reads an entry within seconds. It waits for a database that is restarted."""


def lag_s(path: Path, read_to: int) -> float:
    """Return the seconds since the oldest entry after byte `read_to` was written; 0 if there is none.

    A log that is shorter than `read_to` was rotated or cut, so all of it is not ingested. If the line is no entry, it
    is at least as old as the last change of the file. Rotated files are not looked at. Raises OSError.
    """
    with path.open("rb") as log:
        log.seek(read_to if log.seek(0, 2) >= read_to else 0)
        line = log.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        return 0.0
    try:
        written = read_entry(line).ended_at / 1e6
    except NotAnEntry:
        written = path.stat().st_mtime
    return max(0.0, time.time() - written)


@check(506)
def ingested(stack: RunningSite) -> Iterator[str]:
    from xaccel.audit.models import LogPosition

    if not stack.log.is_file():
        raise Skipped("NGINX's log is not on this machine")
    stat = stack.log.stat()
    known = LogPosition.objects.filter(device=stat.st_dev, inode=stat.st_ino, finished=False)
    late_s = lag_s(stack.log, known.order_by("-at").values_list("offset", flat=True).first() or 0)
    if late_s > LATE_S:
        yield f"{stack.log}: the oldest entry that is not ingested is {late_s / 60:.0f} minutes old"
