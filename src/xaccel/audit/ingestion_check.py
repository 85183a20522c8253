"""Checks that ingestion keeps up with NGINX's log: of `manage.py check --deploy`, and of `manage.py xaccel doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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


def check_ingestion(app_configs: Sequence[Any] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Compare the log with the position in the database: only with `check --deploy`.

    A log that is not on this machine, or that this user must not read, is not looked at.
    """
    from xaccel.audit.log.lag import LATE_S, stored_lag_s

    try:
        path = Path(configuration().site.transfer_log)
        late_s = stored_lag_s(path) if path.is_absolute() else 0
    except (ConfigErrors, OSError, DatabaseError):
        return []
    return [behind(path, late_s)] if late_s > LATE_S else []


def behind(path: Path, late_s: float) -> checks.CheckMessage:
    """Return the message that `ingest` is behind."""
    return checks.Warning(
        f"{_late(path, late_s)}.",
        hint=f"Start `manage.py xaccel ingest --follow {path}`, and look at its messages. If another machine ingests"
        " this log, silence this check.",
        id="xaccel.audit.W001",
    )


@check(506)
def ingested(stack: RunningSite) -> Iterator[str]:
    from xaccel.audit.log.lag import LATE_S, stored_lag_s

    log = stack.log
    if log is None or not log.is_file():
        raise Skipped("NGINX's log is not on this machine")
    late_s = stored_lag_s(log)
    if late_s > LATE_S:
        yield _late(log, late_s)


def _late(log: Path, late_s: float) -> str:
    return f"{log}: the oldest entry that is not ingested is {late_s / 60:.0f} minutes old"
