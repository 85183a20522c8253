"""What does a ZIP of many private objects cost, in NGINX and in the app, and how fast is it?

The app hands off archives of objects in a storage that costs next to nothing, and zipstream-ng makes the same archives
in the same app, from the same storage. One worker of NGINX, so that its memory and its processor time are one number.
"""

from __future__ import annotations

import os
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks.contenders.zip_groups import Group
from benchmarks.contenders.zip_stage import WAIT_S, RemoteFile, Stage, stage
from benchmarks.measure.processes import cpu_seconds, memory, peak, settled
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from xaccel.features.archives.crc import combine

_MEMBERS = {"full": 100_000, "quick": 100_000, "smoke": 600}
_GIGABYTES = {"full": 2.0, "quick": 0.3, "smoke": 0.01}
_PARTS = {"full": 2000, "quick": 300, "smoke": 200}
"""Members of the archive that has parts."""
_SLOW = {"full": 400, "quick": 400, "smoke": 40}
_CLIENTS, _RANGES = 8, 8
_SMALL = 1000
_SPARSE = {"full": (10, 100 << 30), "quick": (10, 100 << 30), "smoke": (2, 5 << 30)}
"""Files, and bytes of each."""


class _Goal(NamedTuple):
    what: str
    measured: float
    unit: str
    limit: float
    at_least: bool = False
    timed: bool = True


@dataclass
class _Cost:
    """Processor seconds of NGINX and of the app while something ran, and the seconds that it took."""

    nginx_s: float
    app_s: float
    seconds: float


def answer(size: Size) -> list[Table]:
    """Measure one thing after the other; each archive is read to its end, and its length is compared."""
    count, part = _MEMBERS[size], int(_GIGABYTES[size] * 1e9)
    sizes = {
        "small": (200, _SMALL),
        "whole": (1, part),
        "hundredth": (1, part // 100),
        "large": (1, part // _PARTS[size]),
    }
    with stage(sizes) as running:
        _describe(running, size)
        goals = [
            *_many(running, count),
            *_bytes(running, size),
            *_slow(running),
            *_sparse(running, size),
        ]
        against = _against(running, size)
    table = Table(
        title="An archive, and what it costs",
        columns=("what", "measured", "unit"),
        rows=tuple((one.what, one.measured, one.unit) for one in goals),
        note=f"NGINX ({running.variant.name}) with one worker; the app with two processes. Each was measured once, but"
        " processor time for each GB:\nthe least of three. Small members have 1 KB.",
        targets=tuple(
            Target(
                what=one.what,
                limit=one.limit,
                measured=one.measured,
                unit=one.unit,
                at_least=one.at_least,
                timed=one.timed,
            )
            for one in goals
        ),
    )
    return [table, against]


def _describe(running: Stage, size: Size) -> None:
    def named(name: str) -> list[Path]:
        return sorted(running.files.glob(f"{name}-*"))

    running.describe("many", Group(named("small"), _MEMBERS[size]))
    running.describe("few", Group(named("hundredth"), 100))
    running.describe("parts", Group(named("large"), _PARTS[size]))
    running.describe("slow", Group(named("small"), _SLOW[size], "slow"))


def _costs(running: Stage, work: Callable[[], object]) -> _Cost:
    nginx_s, app_s = cpu_seconds(running.nginx.pids), cpu_seconds(running.app.pids)
    before = time.perf_counter()
    work()
    return _Cost(
        cpu_seconds(running.nginx.pids) - nginx_s,
        cpu_seconds(running.app.pids) - app_s,
        time.perf_counter() - before,
    )


def _many(running: Stage, count: int) -> list[_Goal]:
    """Send an archive of many small members."""
    running.get("/zip/few", "bytes=0-0")  # what a process needs at first
    running.forget_layouts()
    made = running.get("/zip/many", "bytes=0-0").first_s
    kept = min(running.get("/zip/many", "bytes=0-0").first_s for _ in range(3))
    running.get("/zip/many?version", "bytes=0-0")
    version = min(running.get("/zip/many?version", "bytes=0-0").first_s for _ in range(4))
    calls, before = running.calls(), memory(running.nginx.pids).anonymous
    with peak(lambda: running.nginx.pids) as most:
        cost = _costs(running, lambda: running.get("/zip/many?version"))
    of = f"{count:,} members"
    return [
        _Goal(f"growth of a worker of NGINX, {of}", (most.anonymous - before) / 1e6, "MB", 16, timed=False),
        _Goal(f"first byte, {of}, the layout is made", made, "s", 2),
        _Goal(f"first byte, {of}, the layout is kept", kept, "s", 0.5),
        _Goal(f"first byte, {of}, the layout is kept, with `version`", version, "s", 0.5),
        _Goal(f"requests to the app for {of}", running.calls() - calls, "requests", 350, timed=False),
        _Goal("processor of NGINX for a small member", cost.nginx_s / count * 1e6, "µs", 100),
        _Goal(
            "processor of the app for a small member, with its signature", cost.app_s / count * 1e6, "µs", 40
        ),
    ]


def _bytes(running: Stage, size: Size) -> list[_Goal]:
    """Send the same bytes as one object, as an archive of 100 members, and as one that has parts."""
    gigabytes = _GIGABYTES[size]
    paths = {"one": "/one/fast/whole-0", "few": "/zip/few", "parts": "/zip/parts"}
    for path in paths.values():
        running.get(path)
    taken: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(3):
        for name, path in paths.items():
            taken[name].append(_costs(running, partial(running.get, path)).nginx_s / gigabytes)
    least = {name: min(samples) for name, samples in taken.items()}
    one = max(least["one"], 1e-6)
    return [
        _Goal("processor of NGINX a GB, 100 members, over one object", least["few"] / one, "times", 2.2),
        _Goal(
            f"processor of NGINX a GB, {_PARTS[size]:,} members in parts, over one object",
            least["parts"] / one,
            "times",
            3,
        ),
    ]


def _slow(running: Stage) -> list[_Goal]:
    """Send an archive from a storage that waits before each response."""
    whole = running.get("/zip/slow?version")
    edges = [whole.size * number // _RANGES for number in range(_RANGES + 1)]
    spans = [f"bytes={first}-{end - 1}" for first, end in pairwise(edges)]
    with ThreadPoolExecutor(_RANGES) as pool:
        got = list(pool.map(lambda span: running.get("/zip/slow?version", span), spans))
    require(sum(one.size for one in got) == whole.size, "the ranges are not the whole")
    of = f"from a storage that waits {WAIT_S * 1e3:.0f} ms"
    return [
        _Goal(f"members {of}: one request", whole.seconds, "s", 8.5),
        _Goal(f"the same with {_RANGES} ranges at once", max(one.seconds for one in got), "s", 1.5),
    ]


def _sparse(running: Stage, size: Size) -> list[_Goal]:
    """List an archive of large files that are holes, and small ones; extract one, and read inside a large one."""
    number, length = _SPARSE[size]
    files = []
    for index in range(number):
        file = running.files / f"sparse-{index}"
        file.touch()
        os.truncate(file, length)
        files.append(file)
    small = sorted(running.files.glob("small-*"))
    large = Group(files, number, "directory", _crc32_of_zeros(length))
    running.describe("both", large, Group(small, _MEMBERS[size], "directory"))
    remote = RemoteFile(running, "/zip/both?version")
    with zipfile.ZipFile(remote) as archive:
        listed = archive.infolist()
        listing = remote.requests
        require(len(listed) == number + _MEMBERS[size], "members are missing")
        content = archive.read(listed[-1])
        require(zlib.crc32(content) == listed[-1].CRC and len(content) == _SMALL, "a member is wrong")
        with archive.open(listed[number - 1]) as opened:
            require(opened.read(1000) == bytes(1000), "the beginning of a large member is wrong")
    due = sum(one.file_size for one in listed)
    require(remote.size > due, "the archive is shorter than its members")
    for file in files:
        file.unlink()
    what = f"an archive of {remote.size / 1e12:.2f} TB"
    return [_Goal(f"{what}: requests to list it", listing, "requests", 8, timed=False)]


def _crc32_of_zeros(size: int) -> int:
    found = length = 0
    for bit in f"{size:b}":
        found, length = combine(found, found, length), 2 * length
        if bit == "1":
            found, length = combine(found, zlib.crc32(b"\0"), 1), length + 1
    return found


def _against(running: Stage, size: Size) -> Table:
    """Let clients download the same archive from both at once: NGINX assembles it, or Python sends it."""
    ways = {"xaccel": "/zip/parts?version", "zipstream-ng, through Python": "/stream/parts"}
    rows: list[tuple[Cell, ...]] = []
    speed, app_s = {}, {}
    gigabytes = _GIGABYTES[size]
    total = gigabytes * _CLIENTS
    for name, path in ways.items():
        running.get(path)
        before = settled(lambda: running.app.pids)
        with peak(lambda: running.app.pids) as most:
            cost = _costs(running, partial(_at_once, running, path))
        speed[name], app_s[name] = total * 1e3 / cost.seconds, cost.app_s / total
        growth = max(0, most.anonymous - before) / 1e6
        rows.append((name, speed[name], app_s[name], cost.nginx_s / total, growth))
    own, other = ways
    return Table(
        title=f"An archive of {gigabytes * 1e3:,.0f} MB in {_PARTS[size]:,} members, {_CLIENTS} clients at once",
        columns=("by", "MB/s", "app, CPU s/GB", "NGINX, CPU s/GB", "the app's memory grows by, MB"),
        rows=tuple(rows),
        note="Each was measured once. The app has two processes with eight threads, so that each client has one.",
        targets=(
            Target(
                what="speed, over zipstream-ng",
                limit=2,
                measured=speed[own] / speed[other],
                unit="times",
                at_least=True,
            ),
            Target(
                what="the app's processor, over that of zipstream-ng",
                limit=0.05,
                measured=app_s[own] / max(app_s[other], 1e-9),
                unit="times",
            ),
        ),
    )


def _at_once(running: Stage, path: str) -> None:
    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(lambda _: running.get(path), range(_CLIENTS)))


QUESTION = Question(
    asks="what a ZIP of many objects costs, against zipstream-ng in the same app", answer=answer
)
