"""What does a grant save, and how fast is a file that NGINX remembers?

The app is the Django project of `small_files`: a session, a user and a document in a database. Beside it is an app that
costs nothing, an NGINX. The files are in a directory, so that no storage is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

from benchmarks.clients.downloads import Download, check
from benchmarks.clients.wrk import answered
from benchmarks.contenders.grant_stage import Front, Stage, stage
from benchmarks.measure.interleave import Samples, interleave, warmed
from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import Question, Size, Table, Target, require
from benchmarks.measure.spread import Spread, ratio, spread

_SIZES = {"4 KB": 4096, "1 MB": 1_000_000, "10 MB": 10_000_000}
_SMALL = "4 KB"
_SECONDS = {"full": 3.0, "quick": 0.5, "smoke": 0.05}
_ROUNDS = {"full": 7, "quick": 5, "smoke": 1}
_CLIENTS = 16
_RANGES = 300
_REVOKED = {"full": 100, "quick": 100, "smoke": 3}
_RACING = 8
"""Requests that race with each revocation, and as many after it."""
_STATIC, _GRANT = "a static file, with a log", "a grant"
_DJANGO, _NOTHING = "the Django app each time", "an app that does nothing, each time"


def answer(size: Size) -> list[Table]:
    """Count calls, load all in turns, and revoke."""
    sizes = {_file(title): count for title, count in _SIZES.items()}
    raced = {f"raced-{number}.bin": 1000 for number in range(_REVOKED[size])}
    with stage({**sizes, **raced}, workers=1 if size == "smoke" else 2) as running:
        calls = _calls(running)
        titles = [_SMALL] if size == "smoke" else _SIZES
        speed = [_speed(running, front, title, size) for title in titles for front in running.fronts]
        return [calls, *speed, _revoked(running, list(raced))]


def _file(title: str) -> str:
    return f"{title.replace(' ', '-')}.bin"


def _status(running: Stage, front: Front, name: str, span: str = "") -> tuple[int, int]:
    """Request a file that may be remembered, and return the status and the length of the body."""
    headers = {"Cookie": running.cookie, **({"Range": span} if span else {})}
    with closing(HTTPConnection("127.0.0.1", front.nginx.port, timeout=60)) as connection:
        connection.request("GET", f"/granted/{name}", headers=headers)
        response = connection.getresponse()
        return response.status, len(response.read())


def _calls(running: Stage) -> Table:
    """Play a video: request ranges one after the other, as a player does."""
    name, each = _file("1 MB"), 3000
    before = running.calls()
    for number in range(_RANGES):
        span = f"bytes={number * each}-{(number + 1) * each - 1}"
        require(_status(running, running.fronts[0], name, span) == (206, each), f"{span}: a wrong range")
    calls = running.calls() - before
    what = f"{_RANGES} ranges of one file: requests to the app"
    return Table(
        title="Requests to the app",
        columns=("what", "requests"),
        rows=((what, calls),),
        targets=(Target(what=what, limit=1, measured=calls, unit="requests", timed=False),),
    )


def _speed(running: Stage, front: Front, title: str, size: Size) -> Table:
    stored = running.files[_file(title)]
    ways = {_STATIC: "/", _GRANT: "/granted/"}
    if title == _SMALL:
        ways |= {_DJANGO: "/xaccel-directory/", _NOTHING: "/nothing/"}
    cpu_us: Samples = {way: [] for way in ways}

    def sampler(way: str) -> Callable[[], float]:
        port = front.static_port if way == _STATIC else front.nginx.port
        path = f"{ways[way]}{stored.path.name}"
        check(Download(port, path, stored, running.cookie))

        def sample() -> float:
            before = cpu_seconds(front.nginx.pids)
            found = answered(
                f"http://127.0.0.1:{port}{path}",
                stored,
                connections=_CLIENTS,
                seconds=_SECONDS[size],
                fields=[f"Cookie: {running.cookie}"],
            )
            cpu_us[way].append((cpu_seconds(front.nginx.pids) - before) / found.requests * 1e6)
            return found.per_second

        return sample

    is_warm = size == "full"
    samples = interleave({way: sampler(way) for way in ways}, rounds=_ROUNDS[size], warm=is_warm)
    costs = {way: spread(found) for way, found in (warmed(cpu_us) if is_warm else cpu_us).items()}
    name = f"{title}, {front.variant.name}"
    return Table(
        title=f"Files of {name}, from a directory",
        columns=("by", "a second", "of the static file", "NGINX, CPU µs each"),
        rows=tuple(
            (
                way,
                spread(samples[way]),
                "" if way == _STATIC else ratio(samples[way], samples[_STATIC]),
                costs[way],
            )
            for way in ways
        ),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved; wrk with {_CLIENTS}"
        " reused connections. App and NGINX have 2 workers each.\nEach body was compared once before the measurement,"
        " sizes always.",
        targets=tuple(_goals(name, samples, costs)),
    )


def _goals(name: str, samples: Samples, costs: Mapping[str, Spread]) -> Iterator[Target]:
    other, limit = (_DJANGO, 10.0) if _DJANGO in samples else (_STATIC, 0.9)
    times = ratio(samples[_GRANT], samples[other]).median
    yield Target(
        what=f"{name}, {_GRANT} over {other}", limit=limit, measured=times, unit="times", at_least=True
    )
    if _DJANGO in samples:
        what = f"{name}, NGINX's processor for {_GRANT}"
        yield Target(what=what, limit=60, measured=costs[_GRANT].median, unit="µs")


def _revoked(running: Stage, names: list[str]) -> Table:
    """Take a permission away while requests race, and count what is sent afterwards."""
    taken_ms, served = [], 0

    def status(name: str, number: int) -> int:
        return _status(running, running.fronts[number % len(running.fronts)], name)[0]

    with ThreadPoolExecutor(_RACING) as threads:
        for name in names:
            require({status(name, number) for number in range(_RACING)} == {200}, f"{name}: no grant")
            running.take_away(name)
            racing = [threads.submit(status, name, number) for number in range(_RACING)]
            before = time.perf_counter()
            running.revoke(name)
            taken_ms.append((time.perf_counter() - before) * 1e3)
            after = [threads.submit(status, name, number) for number in range(_RACING)]
            require({one.result() for one in racing} <= {200, 404}, f"{name}: a request failed")
            found = [one.result() for one in after]
            require(set(found) <= {200, 404}, f"{name}: a request failed")
            served += found.count(200)
    of = f"{len(names)} revocations, each with {_RACING} racing requests"
    return Table(
        title="Permissions that are taken away",
        columns=("what", "measured", "unit"),
        rows=(
            (f"{of}: sent by one of {_RACING} later requests", served, "files"),
            ("until every NGINX knows", spread(taken_ms), "ms"),
        ),
        note=f"{len(running.fronts)} NGINX. A racing request may be sent, a later one may not.",
        targets=(
            Target(what=f"{of}: files sent afterwards", limit=0, measured=served, unit="files", timed=False),
            Target(
                what="a revocation, until every NGINX knows", limit=1000, measured=max(taken_ms), unit="ms"
            ),
        ),
    )


QUESTION = Question(
    asks="what a grant saves, and how fast a remembered file is, against a static one", answer=answer
)
