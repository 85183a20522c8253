"""What does a hand-off cost end to end, through the app server, signing included?

The same view with the same permission, answering an empty 200 and handing off: under gunicorn and under Granian, with
nothing in front. Once the permission is a set in memory, with no other middleware than xaccel's; once it is README's: a
session, a user and a document in a database, with the middleware of `startproject`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.clients.downloads import Download
from benchmarks.clients.stored import made
from benchmarks.clients.wrk import Connection, answered
from benchmarks.contenders import servers
from benchmarks.contenders.stage import account, scratch
from benchmarks.measure.interleave import interleave
from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import ratio, spread

_NAME = "a.bin"
_SECONDS = {"full": 1.0, "quick": 0.4, "smoke": 0.1}
_ROUNDS = {"full": 25, "quick": 9, "smoke": 1}
_CLIENTS = 2
_TIMES = 1.15
_BARE = "benchmarks.servers.app:application"
_ASKED = {
    "in memory": (_BARE, "/answer/empty", "/answer/field"),
    "in a database": (servers.DJANGO, f"/empty/{_NAME}", f"/xaccel/{_NAME}"),
}
"""The permission; the application, and the paths of the empty response and of the hand-off."""


def answer(size: Size) -> list[Table]:
    """Ask for both in turns."""
    with ExitStack() as stack, scratch() as folder:
        return [_table(size, dict(_started(stack, folder, size)))]


def _started(
    stack: ExitStack, folder: Path, size: Size
) -> Iterator[tuple[tuple[str, str], tuple[servers.App, str]]]:
    files = folder / "files"
    files.mkdir()
    made(files / _NAME, 4096)
    env, cookie = account(servers.nowhere(files, folder / "database.sqlite3"))
    workers = 1 if size == "smoke" else 2
    for permission, (application, *_) in _ASKED.items():
        for server in ("gunicorn", "Granian"):
            start = servers.gunicorn if server == "gunicorn" else servers.granian
            app = start(folder / f"{server} {permission}".replace(" ", "-"), env, workers, application)
            yield (server, permission), (stack.enter_context(app), cookie)


def _table(size: Size, apps: dict[tuple[str, str], tuple[servers.App, str]]) -> Table:
    cpu: dict[str, list[float]] = {}

    def sampler(app: servers.App, cookie: str, path: str, name: str, handed: bool) -> Callable[[], float]:
        download = Download(int(app.address.rpartition(":")[2]), path, None, cookie)
        _check(download, handed)

        def sample() -> float:
            before = cpu_seconds(app.pids())
            found = answered(
                f"http://{app.address}{path}",
                None,
                connections=_CLIENTS,
                seconds=_SECONDS[size],
                fields=(f"Cookie: {cookie}", "Connection: close"),
            )
            cpu.setdefault(name, []).append((cpu_seconds(app.pids()) - before) / found.requests)
            return 1 / found.per_second

        return sample

    contenders = {}
    for (server, permission), (app, cookie) in apps.items():
        for path, handed in zip(_ASKED[permission][1:], (False, True), strict=True):
            name = f"{server} {permission} {handed}"
            contenders[name] = sampler(app, cookie, path, name, handed)
    samples = interleave(contenders, rounds=_ROUNDS[size], warm=size != "smoke")
    rows: list[tuple[Cell, ...]] = []
    targets = []
    for server, permission in apps:
        empty, full = (f"{server} {permission} {which}" for which in (False, True))
        times = ratio(samples[full], samples[empty])
        kept = -_ROUNDS[size]
        of_cpu = ratio(cpu[full][kept:], cpu[empty][kept:])
        rows.append(
            (
                f"{server}, permission {permission}",
                spread([1 / one for one in samples[empty]]),
                spread([1 / one for one in samples[full]]),
                times,
                spread([1e6 * one for one in cpu[empty][kept:]]),
                of_cpu,
            )
        )
        targets.append(
            Target(
                what=f"{server}, permission {permission}, a hand-off over the empty response",
                limit=_TIMES,
                measured=times.median,
                unit="times",
            )
        )
    return Table(
        title="A hand-off through the app server",
        columns=(
            "app server",
            "empty responses a second",
            "hand-offs a second",
            "times as long",
            "CPU µs of an empty response",
            "times the CPU",
        ),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved; wrk, {_CLIENTS}"
        " clients, a connection for each request.\nA FileField of django-storages, signed; 2 workers.",
        targets=tuple(targets),
        plot=3,
    )


def _check(download: Download, handed: bool) -> None:
    with Connection(download.port, f"Cookie: {download.cookie}\r\n") as connection:
        fields = connection.fields(download.path)
    require(("x-accel-redirect" in fields) == handed, f"{download.path}: {sorted(fields)}")
    signed = "X-Amz-Signature=" in fields.get("xaccel-url", "")
    require(signed == handed, f"{download.path}: {'signed' if signed else 'not signed'}")


QUESTION = Question(asks="what a hand-off costs end to end, through the app server", answer=answer)
