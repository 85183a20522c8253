"""How long a log is taken in, and when time is looked at meanwhile: neither waits for the log to be quiet."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from xaccel.audit.ingest.ingest import Ingest

Tidy = Callable[[datetime], object]
"""Is told of a moment before which all that was written is taken in."""

EVERY_S = 60.0


def take(ingest: Ingest) -> None:
    """Take in what is there, and not what is written meanwhile."""
    ingest.once()
    if not ingest.stopped():
        ingest.once()  # what was truncated or rotated away in the middle of the first


def follow(
    ingest: Ingest,
    *,
    poll_s: float,
    tidy: Tidy,
    every_s: float = EVERY_S,
    up_to_date: Callable[[], object] = lambda: None,
) -> None:
    """Take in until `ingest.stopped`, and call `tidy` now and then. Wait while the database or the log is away.

    Calls `up_to_date` once, as soon as the log was read to its end for the first time.
    """
    last = float("-inf")
    read_once = False
    while True:
        began = datetime.now(UTC)
        found = ingest.outage.wait_for(ingest.once)
        if ingest.stopped():
            return
        if time.monotonic() - last >= every_s:
            ingest.outage.wait_for(partial(tidy, began))
            last = time.monotonic()
        if not found:
            if not read_once:
                up_to_date()
                read_once = True
            time.sleep(poll_s)
