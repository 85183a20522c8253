"""What does a crowd cost the origin: hundreds of clients at once who ask for an object that nobody asked for before?

With the cache one of them fetches it and the others wait; without it each of them does. Counted at the origin.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import Spread, spread

if TYPE_CHECKING:
    from benchmarks.clients.wrk import Stored
    from benchmarks.servers.front import Front, Stage

_BYTES = 1_000_000
_CLIENTS = {"full": 500, "quick": 500, "smoke": 60}
_ROUNDS = {"full": 5, "quick": 2, "smoke": 1}


def answer(size: Size) -> list[Table]:
    """Send a crowd to a fresh object in each round, on every build; every byte of every answer is compared."""
    from benchmarks.servers.front import stage

    count, rounds = _CLIENTS[size], _ROUNDS[size]
    rows: list[tuple[Cell, ...]] = []
    targets = []
    with stage(
        {f"hot-{number}.bin": _BYTES for number in range(rounds)}, log_connections=True, njs=size != "quick"
    ) as behind:
        for variant in behind.variants:
            front = behind.front(variant)
            seconds: dict[str, list[float]] = {"cached": [], "plain": []}
            asked: dict[str, list[int]] = {"cached": [], "plain": []}
            for name, stored in behind.files.items():
                for origin in ("cached", "plain"):
                    taken, requests = _crowd(behind, front, f"/{origin}/{name}", stored, count)
                    seconds[origin].append(taken)
                    asked[origin].append(requests)
            rows.append(
                (
                    variant.name,
                    max(asked["cached"]),
                    max(asked["plain"]),
                    _rate(count, seconds["cached"]),
                    _rate(count, seconds["plain"]),
                )
            )
            targets.append(
                Target(
                    what=f"{variant.name}, requests to the origin by {count} clients, with the cache",
                    limit=1,
                    measured=max(asked["cached"]),
                    unit="requests",
                    timed=False,
                )
            )
    return [
        Table(
            title=f"{count} clients request an object of 1 MB that is not in the cache",
            columns=(
                "NGINX",
                "requests to the origin, cache on",
                "cache off",
                "downloads a second, cache on",
                "cache off",
            ),
            rows=tuple(rows),
            note=f"Most of {rounds} rounds, a new object in each; every byte of every download was compared. Speed:"
            " median (quartiles).\nThe client is one Python process, which also compares the bytes and takes most of"
            " the time.",
            targets=tuple(targets),
        )
    ]


def _rate(count: int, seconds: list[float]) -> Spread:
    return spread([count / one for one in seconds])


def _crowd(behind: Stage, front: Front, path: str, stored: Stored, count: int) -> tuple[float, int]:
    from benchmarks.clients.wrk import Connection

    wanted = stored.path.read_bytes()
    before, gate = len(behind.origin_connections()), threading.Barrier(count + 1)

    def client() -> bool:
        got = bytearray()
        with Connection(front.port) as connection:
            gate.wait()
            connection.get(path, stored.size, got.extend)
        return got == wanted

    with ThreadPoolExecutor(count) as pool:
        running = [pool.submit(client) for _ in range(count)]
        gate.wait()
        start = time.perf_counter()
        right = sum(one.result() for one in running)
        taken = time.perf_counter() - start
    require(right == count, f"{path}: {count - right} of {count} got wrong bytes")
    # NGINX at the origin writes a line after the last byte, maybe later than the client has it
    most = count if path.startswith("/plain/") else 1
    deadline = time.monotonic() + 5
    while len(behind.origin_connections()) - before < most:
        require(time.monotonic() < deadline, f"{path}: the origin did not log {most} requests")
        time.sleep(0.01)
    return taken, len(behind.origin_connections()) - before


QUESTION = Question(asks="what a crowd that requests a new object together costs the origin", answer=answer)
