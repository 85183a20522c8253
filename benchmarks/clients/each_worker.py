"""A connection to each worker of an NGINX: which also tells that each has started."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.measure.question import require

if TYPE_CHECKING:
    from benchmarks.clients.wrk import Connection
    from benchmarks.servers.front import Front


def one_each(front: Front, port: int, *, timeout_s: float = 20) -> list[Connection]:
    """Open connections until every worker has taken one."""
    from benchmarks.clients.wrk import Connection
    from benchmarks.servers.back import WORKERS

    found: dict[bytes, Connection] = {}
    deadline = time.monotonic() + timeout_s
    while len(found) < WORKERS:
        require(
            time.monotonic() < deadline, f"{front.variant.name}: {len(found)} of {WORKERS} workers answered"
        )
        fresh = Connection(port)
        pid = fresh.get("/pid", -1)
        if pid in found:
            with fresh:
                continue
        found[pid] = fresh
    return list(found.values())
