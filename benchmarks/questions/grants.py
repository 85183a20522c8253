"""What does a grant save, and how fast is a file that NGINX remembers?

The app is the Django project of `small_files`: a session, a user and a document in a database. Beside it is an app that
costs nothing, an NGINX. The files are in a directory, so that no storage is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
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
_SEGMENTS = {"full": 600, "quick": 600, "smoke": 60}
_PICTURES, _PICTURE, _CONNECTIONS = 60, 20_000, 6
"""On a page: their number, the bytes of each, and the connections of a browser to one host."""
_FOLDER = "album"
_STATIC, _GRANT = "a static file, with a log", "a grant"
_DJANGO, _NOTHING = "the Django app each time", "an app that does nothing, each time"
_STATICS, _FIXED = "static files, with a log", "NGINX as a proxy of fixed URLs"
_DIRECTORY, _STORAGE = "a grant for the folder, in a directory", "a grant for the folder, in a storage"


def answer(size: Size) -> list[Table]:
    """Count calls, load all in turns, and revoke."""
    files = {_file(title): count for title, count in _SIZES.items()}
    raced = {f"raced-{number}.bin": 1000 for number in range(_REVOKED[size])}
    pictures = {f"{_FOLDER}/{number}.jpg": _PICTURE for number in range(_SEGMENTS[size])}
    with stage({**files, **raced, **pictures}, workers=1 if size == "smoke" else 2) as running:
        calls = _calls(running, list(pictures))
        fronts, titles = (running.fronts[:1], [_SMALL]) if size == "smoke" else (running.fronts, _SIZES)
        speed = [_speed(running, front, title, size) for title in titles for front in fronts]
        pages = [_page(running, front, list(pictures)[:_PICTURES], size) for front in fronts]
        return [calls, *speed, *pages, _revoked(running, list(raced))]


def _file(title: str) -> str:
    return f"{title.replace(' ', '-')}.bin"


def _status(running: Stage, front: Front, name: str, span: str = "") -> tuple[int, int]:
    """Request a file that may be remembered, and return the status and the length of the body."""
    headers = {"Cookie": running.cookie, **({"Range": span} if span else {})}
    with closing(HTTPConnection("127.0.0.1", front.nginx.port, timeout=60)) as connection:
        connection.request("GET", f"/granted/{name}", headers=headers)
        response = connection.getresponse()
        return response.status, len(response.read())


def _calls(running: Stage, pictures: list[str]) -> Table:
    """Play a video, as ranges and as segments, one after the other, as a player does."""
    name, each, front = _file("1 MB"), 3000, running.fronts[0]

    def ranges() -> None:
        for number in range(_RANGES):
            span = f"bytes={number * each}-{(number + 1) * each - 1}"
            require(_status(running, front, name, span) == (206, each), f"{span}: a wrong range")

    def segments(origin: str) -> None:
        for picture in pictures:
            require(_status(running, front, f"{origin}/{picture}") == (200, _PICTURE), f"{picture}: not sent")

    def calls(work: Callable[[], object]) -> int:
        before = running.calls()
        work()
        return running.calls() - before

    once = {
        f"{_RANGES} ranges of one file": calls(ranges),
        f"{len(pictures)} segments of a folder, in a directory": calls(partial(segments, "directory")),
    }
    signed = f"{len(pictures)} segments of a folder, in a storage, with their signatures"
    again = f"{len(pictures)} segments of a folder, in a storage, the second time"
    rows = {**once, signed: calls(partial(segments, "s3")), again: calls(partial(segments, "s3"))}
    return Table(
        title="Requests to the app",
        columns=("what", "requests"),
        rows=tuple(rows.items()),
        note="The signatures of a folder need neither a user nor a view, and serve all users.",
        targets=tuple(
            Target(what=f"{what}: requests to the app", limit=1, measured=found, unit="requests", timed=False)
            for what, found in once.items()
        ),
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


def _page(running: Stage, front: Front, pictures: list[str], size: Size) -> Table:
    """Load the pictures of a page again and again, as a browser does that keeps none."""
    stored = running.files[pictures[0]]
    ways = {
        _STATICS: (front.static_port, "/"),
        _FIXED: (front.proxy_port, "/"),
        _DIRECTORY: (front.nginx.port, "/granted/directory/"),
        _STORAGE: (front.nginx.port, "/granted/s3/"),
    }

    def sampler(way: str) -> Callable[[], float]:
        port, place = ways[way]
        paths = [f"{place}{picture}" for picture in pictures]
        for path, picture in zip(paths, pictures, strict=True):
            check(Download(port, path, running.files[picture], running.cookie))

        def sample() -> float:
            found = answered(
                f"http://127.0.0.1:{port}",
                stored,
                connections=_CONNECTIONS,
                seconds=_SECONDS[size],
                fields=[f"Cookie: {running.cookie}"],
                paths=paths,
            )
            return len(paths) / found.per_second * 1e3

        return sample

    samples = interleave({way: sampler(way) for way in ways}, rounds=_ROUNDS[size], warm=size == "full")
    beside = {_DIRECTORY: _STATICS, _STORAGE: _FIXED}
    name = f"{len(pictures)} pictures of {_PICTURE // 1000} KB, {front.variant.name}"
    return Table(
        title=f"A page of {name}",
        columns=("by", "ms", "of the same without a permission"),
        rows=tuple(
            (way, spread(found), ratio(found, samples[beside[way]]) if way in beside else "")
            for way, found in samples.items()
        ),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved; wrk with"
        f" {_CONNECTIONS} reused connections. The storage costs next to nothing.",
        targets=tuple(
            Target(
                what=f"{name}: {way}, over {other}",
                limit=3,
                measured=ratio(samples[way], samples[other]).median,
                unit="times",
            )
            for way, other in beside.items()
        ),
    )


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
