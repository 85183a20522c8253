"""Does the app stay responsive while slow clients download?

Two workers of gunicorn; clients of 50 KB/s each; and one person who asks for an ordinary page again and again.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from statistics import quantiles

from benchmarks.clients.downloads import Download, check
from benchmarks.clients.slow_readers import slow_readers
from benchmarks.clients.wrk import Connection
from benchmarks.contenders.servers import App
from benchmarks.contenders.stage import Stage, stage
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import spread

_NAME, _BYTES = "large.bin", 8_000_000
_RATE = 50_000
_COUNTS = {"full": (10, 100, 1000, 5000), "quick": (10, 100, 1000), "smoke": (10,)}
_SECONDS = {"full": 6.0, "quick": 0.6, "smoke": 0.3}
_PATIENCE_S = {"full": 20.0, "quick": 2.0, "smoke": 0.5}
"""How long all clients of Python streaming are waited for to begin; then the page is asked for, even if others"
" still wait."""
_ALL_WITHIN_S = 90
"""The others must all begin within this time."""
_LONGEST_S = {"full": 5.0, "quick": 2.0, "smoke": 1.0}
_ON_ONE_CONNECTION = 500
"""Pages: NGINX's keepalive_requests ends it after 1,000."""
_PER_CLIENT = 4
"""File descriptors of one process that a client may take."""
_TIMES = 1.2
_WAYS = {
    "xaccel": ("xaccel", "xaccel"),
    "presigned redirect": ("local", "presigned"),
    "Python streaming, NGINX keeps it in files": ("storages-gunicorn", "storages"),
    "Python streaming, NGINX keeps nothing": ("private-storage", "storages"),
}
"""NGINX's server, and the first segment of the path."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """begun: clients that had the beginning of their file. idle, busy: milliseconds of each page."""

    begun: int
    idle: list[float]
    busy: list[float]
    stuck: bool


def answer(size: Size) -> list[Table]:
    """Hold ever more clients by each way; a way whose page does not come within seconds gets no more of them."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    counts = [count for count in _COUNTS[size] if count * _PER_CLIENT <= limit]
    rows: list[tuple[Cell, ...]] = []
    targets = []
    streaming = ("storages-gunicorn", "private-storage")
    workers = 1 if size == "smoke" else 2
    with stage(
        {_NAME: _BYTES},
        streaming=streaming,
        unbuffered=("private-storage",),
        workers=workers,
        connections=12000,
    ) as behind:
        for way, (server, path) in _WAYS.items():
            storage_port = behind.storage_port if path == "presigned" else 0
            download = Download(
                behind.ports[server],
                f"/{path}/{_NAME}",
                behind.files[_NAME],
                behind.cookie,
                storage_port=storage_port,
            )
            check(download)
            app = "hand-off" if server in ("xaccel", "local") else server
            stuck = False
            for count in counts:
                if stuck:
                    rows.append((f"{way}, {count:,}", "not tried", "", "", "", ""))
                    continue
                patience_s = _ALL_WITHIN_S if app == "hand-off" else _PATIENCE_S[size]
                seen = _measure(behind, download, count, size, patience_s)
                stuck = seen.stuck
                if stuck:  # it would be busy with clients that have gone for as long as their files take
                    _end(behind.apps[app])
                idle, busy = spread(seen.idle), spread(seen.busy)
                slower = busy.median / idle.median
                rows.append((f"{way}, {count:,}", seen.begun, idle, busy, _p99(seen), slower))
                if app == "hand-off":
                    require(seen.begun == count, f"{way}: only {seen.begun} of {count} began to download")
                if way == "xaccel":
                    targets.append(
                        Target(
                            what=f"{count:,} slow clients, a page over an idle app's",
                            limit=_TIMES,
                            measured=slower,
                            unit="times",
                        )
                    )
    return [
        Table(
            title=f"A page while clients of {_RATE // 1000} KB/s download",
            columns=("by, clients", "have begun", "idle, ms", "busy, ms", "busy p99, ms", "times idle"),
            rows=tuple(rows),
            note=f"Median (quartiles) of the pages that one client got in {_SECONDS[size]} s, before and while the"
            f" downloads of {_BYTES // 1_000_000} MB run; a page that takes {_LONGEST_S[size]} s is counted"
            f" as failed.\ngunicorn, {workers} sync workers; NGINX ({behind.variant.name}); the storage is an NGINX."
            f" {limit:,}"
            " file descriptors for each process.",
            targets=tuple(targets),
            plot=5,
        )
    ]


def _measure(behind: Stage, download: Download, count: int, size: Size, patience_s: float) -> _Seen:
    page = Download(download.port, "/page", None, behind.cookie)
    idle, _ = _pages(page, size)
    with slow_readers(download, count, _RATE) as readers:
        deadline = time.monotonic() + patience_s
        begun = readers.begun()
        while begun < count and time.monotonic() < deadline:
            time.sleep(0.1)
            begun = readers.begun()
        busy, stuck = _pages(page, size)
    if not stuck:
        _settled(page, size)
    return _Seen(begun, idle, busy, stuck)


def _pages(page: Download, size: Size, *, few: bool = False) -> tuple[list[float], bool]:
    """Return the milliseconds of each page, and whether one was given up."""
    found: list[float] = []
    end = time.monotonic() + (0 if few else _SECONDS[size])
    with ExitStack() as stack:
        while time.monotonic() < end or len(found) < 5:
            if len(found) % _ON_ONE_CONNECTION == 0:
                connection = stack.enter_context(
                    Connection(page.port, f"Cookie: {page.cookie}\r\n", timeout_s=_LONGEST_S[size])
                )
            start = time.perf_counter()
            try:
                connection.get("/page", -1)
            except TimeoutError:
                return [*found, (time.perf_counter() - start) * 1e3], True
            found.append((time.perf_counter() - start) * 1e3)
    return found, False


def _settled(page: Download, size: Size, *, timeout_s: float = 30) -> None:
    """Wait until the app is rid of the clients that have gone: a page comes in less than 0.1 s."""
    deadline = time.monotonic() + timeout_s
    while True:
        times, stuck = _pages(page, size, few=True)
        if not stuck and spread(times).median < 100:
            return
        require(time.monotonic() < deadline, "the app is still busy with clients that have gone")


def _end(app: App) -> None:
    for pid in app.pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _p99(seen: _Seen) -> float:
    return quantiles(seen.busy, n=100, method="inclusive")[98] if len(seen.busy) > 1 else seen.busy[0]


QUESTION = Question(asks="whether the app stays responsive while slow clients download", answer=answer)
