"""Report ingestion that is behind NGINX's log: in `manage.py check --deploy`, and in `manage.py xaccel doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from django.core import checks
from django.db import DatabaseError

from xaccel.django.conf import configuration
from xaccel.doctor.check import Skipped, check
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import ConfigErrors

CHECKS: Mapping[str, str] = {
    "xaccel.audit.W001": "`ingest` is behind the log, or does not run; looked at only by `check --deploy`.",
}
"""Ids of Django's checks with their meaning, for the reference. They are stable and never used twice."""
LATE_S = 300
"""A following `ingest` reads an entry within seconds. It waits for a database that is restarted."""
LONGEST_LINE = 1 << 20
"""An entry has some 800 bytes. A longer line than this is none, and is not held in memory."""


class _End(msgspec.Struct, gc=False):
    end: float | None = None


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
        written = msgspec.json.decode(line, type=_End).end
    except msgspec.MsgspecError:
        written = None
    return max(0.0, time.time() - (path.stat().st_mtime if written is None else written))


def _lateness(log: Path) -> Iterator[str]:
    """Say how far the position in the database is behind a log, if it is late. Raises OSError and DatabaseError."""
    from xaccel.audit.models import LogPosition

    stat = log.stat()
    known = LogPosition.objects.filter(device=stat.st_dev, inode=stat.st_ino, finished=False)
    late_s = lag_s(log, known.order_by("-at").values_list("offset", flat=True).first() or 0)
    if late_s > LATE_S:
        yield f"{log}: the oldest entry that is not ingested is {late_s / 60:.0f} minutes old"


def check_ingestion(app_configs: Sequence[Any] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Compare the log with the position in the database: only with `check --deploy`.

    A log that is not on this machine, or that this user must not read, is not looked at.
    """
    try:
        path = Path(configuration().site.transfer_log)
        return [behind(path, said) for said in _lateness(path)] if path.is_absolute() else []
    except (ConfigErrors, OSError, DatabaseError):
        return []


def behind(path: Path, said: str) -> checks.CheckMessage:
    """Return the message that `ingest` is behind."""
    return checks.Warning(
        f"{said}.",
        hint=f"Start `manage.py xaccel ingest --follow {path}`, and look at its messages. If another machine ingests"
        " this log, silence this check.",
        id="xaccel.audit.W001",
    )


@check(506)
def ingested(stack: RunningSite) -> Iterator[str]:
    if stack.log is None or not stack.log.is_file():
        raise Skipped("NGINX's log is not on this machine")
    yield from _lateness(stack.log)
