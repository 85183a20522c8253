"""A check of `manage.py xaccel doctor`: ingestion keeps up with NGINX's log."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from xaccel.doctor.check import Skipped, check
from xaccel.doctor.running_site import RunningSite

LATE_S = 300


@check(506)
def ingested(stack: RunningSite) -> Iterator[str]:
    from xaccel.audit.models import LogPosition

    log = stack.log
    if log is None or not log.is_file():
        raise Skipped("NGINX's log is not on this machine")
    status = log.stat()
    known = LogPosition.objects.filter(device=status.st_dev, inode=status.st_ino, finished=False)
    offset = known.values_list("offset", flat=True).first() or 0
    with log.open("rb") as file:
        file.seek(min(offset, status.st_size))
        line = file.readline()
    try:
        late = time.time() - float(json.loads(line)["end"])
    except (ValueError, KeyError, TypeError):
        return
    if late > LATE_S:
        yield f"{log}: {status.st_size - offset} bytes are not ingested, the first of {late / 60:.0f} minutes ago"
