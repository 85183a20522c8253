"""How long a log is taken in: until all that is there is done with, or on and on."""

from __future__ import annotations

import time
from collections.abc import Callable

from xaccel.audit.ingest import Ingest


def take(ingest: Ingest) -> None:
    """Take in what is there."""
    while ingest.once() and not ingest.stopped():
        pass


def follow(ingest: Ingest, *, poll_s: float, between: Callable[[], object], every_s: float = 60.0) -> None:
    """Take in until `ingest.stopped`, and call `between` now and then while all that was there is taken in."""
    last = 0.0
    while not ingest.stopped():
        if ingest.once():
            continue
        if time.monotonic() - last >= every_s:
            between()
            last = time.monotonic()
        time.sleep(poll_s)
