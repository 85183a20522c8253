"""The doctor's check of the trail: ingestion that is behind NGINX's log."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.apps import apps
from django.db import Error

from xaccel.audit.log.lag import lag_s
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.nginx.processes import Account

_DATABASE = {"no such table|does not exist": "no_tables", "locked": "locked_database", "": "no_database"}
"""Remedies by the words of the database's error."""
LATE_S = 300
"""A following `ingest` reads an entry within seconds. It waits for a database that is restarted."""


@check("XA506")
def ingestion_keeps_up(stack: RunningSite) -> Iterator[Evidence]:
    if not apps.is_installed("xaccel.audit"):
        raise Skipped("xaccel.audit is not in INSTALLED_APPS")
    if not stack.log.is_file():
        raise Skipped("NGINX's log is not on this machine")
    from xaccel.audit.models import LogPosition

    stat = stack.log.stat()
    try:
        known = LogPosition.objects.filter(device=stat.st_dev, inode=stat.st_ino, finished=False)
        read_to = known.order_by("-at").values_list("offset", flat=True).first() or 0
    except Error as error:
        text = " ".join(str(error).split())
        name = next(remedy for words, remedy in _DATABASE.items() if re.search(words, text))
        yield Evidence(text, "unknown", REMEDIES[name])
        return
    late_s = lag_s(stack.log, read_to)
    if late_s > LATE_S:
        text = f"{stack.log}: the oldest entry that is not ingested is {late_s / 60:.0f} minutes old"
        seen, remedy = _of_ingest(stack)
        yield Evidence(f"{text}{seen}", remedy=remedy)


def _of_ingest(stack: RunningSite) -> tuple[str, str]:
    """Return which process of this project ingests, and the remedy for it; both are empty where it is not known."""
    seen = ""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError, KeyError):
            is_ours = os.readlink(path.with_name("cwd")) == str(Path.cwd())
            if is_ours and {b"xaccel", b"ingest"} <= {*path.read_bytes().split(b"\0")}:
                user = pwd.getpwuid(path.stat().st_uid).pw_name
                seen = f"; process {path.parent.name} of the user {user} runs `ingest`"
                if not stack.may(Account.named(user), stack.log, "-r"):
                    return f"{seen}, and may not read it", REMEDIES["ingest_not_allowed"].format(user=user)
    return seen, REMEDIES["ingest_runs"] if seen else ""
