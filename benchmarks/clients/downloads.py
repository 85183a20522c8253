"""Downloads as a person's client makes them: with a session, and on to the storage where the app sends it there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from statistics import quantiles

from benchmarks.clients.wrk import Connection, Stored
from benchmarks.measure.question import require


@dataclass(frozen=True, slots=True)
class Download:
    """What a contender is asked for.

    stored: what must come; None for an answer without a body. cookie: of a user who is logged in.
    storage_port: where a redirect must lead; 0: there is none.
    """

    port: int
    path: str
    stored: Stored | None
    cookie: str = ""
    storage_port: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What some clients at once saw: the seconds of all, and of each download."""

    seconds: float
    each_s: Sequence[float]

    @property
    def per_second(self) -> float:
        return len(self.each_s) / self.seconds

    def percentile_ms(self, which: int) -> float:
        """Return the milliseconds within which `which` of a hundred downloads were whole."""
        return quantiles(self.each_s, n=100, method="inclusive")[which - 1] * 1e3


class Client:
    """One client with its kept connections."""

    def __init__(self, download: Download) -> None:
        self._open = ExitStack()
        self._download = download
        fields = f"Cookie: {download.cookie}\r\n" if download.cookie else ""
        self._app = self._open.enter_context(Connection(download.port, fields))
        self._storage: Connection | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def get(self, take: object = None) -> None:
        """Download once; status and size must be right. Raises WrongAnswer."""
        asked = self._download
        size = asked.stored.size if asked.stored else 0
        if not asked.storage_port:
            self._app.get(asked.path, size, take)
            return
        place = f"http://127.0.0.1:{asked.storage_port}"
        location = self._app.location(asked.path)
        require(location.startswith(f"{place}/"), f"{asked.path}: redirects to {location.partition('?')[0]}")
        if self._storage is None:
            self._storage = self._open.enter_context(Connection(asked.storage_port))
        self._storage.get(location.removeprefix(place), size, take)


def check(download: Download) -> None:
    """Download once and compare every byte. Raises WrongAnswer."""
    digest = hashlib.sha256()
    with Client(download) as client:
        client.get(digest.update)
    wanted = download.stored.sha256 if download.stored else hashlib.sha256().hexdigest()
    require(digest.hexdigest() == wanted, f"{download.path}: wrong bytes")


def load(download: Download, *, clients: int, each: int = 0, seconds: float = 0) -> Load:
    """Have so many clients download at once, `each` so often, or for some seconds. Raises WrongAnswer."""
    start = time.perf_counter()

    def one() -> list[float]:
        found: list[float] = []
        with Client(download) as client:
            before = time.perf_counter()
            while len(found) < each or before - start < seconds:
                client.get()
                after = time.perf_counter()
                found.append(after - before)
                before = after
        return found

    with ThreadPoolExecutor(clients) as pool:
        samples = [running.result() for running in [pool.submit(one) for _ in range(clients)]]
    return Load(time.perf_counter() - start, list(chain.from_iterable(samples)))
