"""Does each worker keep its connection to an origin?

Counted at the origin: the connections on which it was asked by downloads that one worker sent one after the other.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.clients.each_worker import one_each
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require

if TYPE_CHECKING:
    from benchmarks.clients.wrk import Connection
    from benchmarks.servers.front import Stage

_NAME, _BYTES = "small.bin", 4096
_DOWNLOADS = 100


def answer(_: Size) -> list[Table]:
    """Download from each worker of every build, from one after the other."""
    from benchmarks.servers.back import WORKERS
    from benchmarks.servers.front import stage

    rows: list[tuple[Cell, ...]] = []
    targets = []
    with stage({_NAME: _BYTES}, log_connections=True) as behind:
        for variant in behind.variants:
            front = behind.front(variant)
            own = [_opened(behind, on, f"/tls/{_NAME}") for on in one_each(front, front.port)]
            recipe = [_opened(behind, on, f"/classic/{_NAME}") for on in one_each(front, front.classic_port)]
            rows.append((variant.name, *own, max(recipe)))
            targets.append(
                Target(
                    what=f"{variant.name}, new connections of a worker in {_DOWNLOADS} downloads",
                    limit=1,
                    measured=max(own),
                    unit="connections",
                    timed=False,
                )
            )
    return [
        Table(
            title=f"Connections that an origin with TLS saw in {_DOWNLOADS} downloads, one after the other",
            columns=(
                "NGINX",
                *(f"worker {number + 1}" for number in range(WORKERS)),
                "classic, the worker with most",
            ),
            rows=tuple(rows),
            note="A connection of the client belongs to one worker, which names itself in the response. Sizes were"
            " compared.",
            targets=tuple(targets),
        )
    ]


def _opened(behind: Stage, connection: Connection, path: str) -> int:
    before = len(behind.origin_connections())
    with connection:
        for _ in range(_DOWNLOADS):
            connection.get(path, _BYTES)
    deadline = time.monotonic() + 5
    while len(behind.origin_connections()) < before + _DOWNLOADS:
        require(time.monotonic() < deadline, f"{path}: the origin did not log {_DOWNLOADS} requests")
    seen = behind.origin_connections()[before:]
    require(len(seen) == _DOWNLOADS, f"{path}: the origin was asked {len(seen)} times")
    return len(set(seen))


QUESTION = Question(asks="whether each worker keeps its connection to an origin", answer=answer)
