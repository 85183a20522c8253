"""How fast is an upload through NGINX, what does it cost, and does a refused one reach the storage?

The app is a Django project with the row of each upload in SQLite. The storages are SeaweedFS, and a program that only
counts the bytes: it shows what is NGINX's, and no storage is as fast.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.contenders.upload_stage import COUNTING, S3, Place, Stage, head_of, stage, status_of
from benchmarks.measure.interleave import Samples, interleave, warmed
from benchmarks.measure.processes import cpu_seconds, memory, peak, settled
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import Spread, ratio, spread

_ROUNDS = {"full": 9, "quick": 3, "smoke": 1}
_MEGABYTES = {S3: {"full": 64, "quick": 64, "smoke": 1}, COUNTING: {"full": 512, "quick": 256, "smoke": 2}}
"""That each of the clients sends; eight of them an eighth of it."""
_CLIENTS = (1, 8)
_LARGE = {"full": 5 << 30, "quick": 5 << 30, "smoke": 16 << 20}
_REFUSED = {"full": 1000, "quick": 1000, "smoke": 24}
_DIRECT = "the storage's own PUT"
_LEAST = {S3: 0.9, COUNTING: 0.6}


def answer(size: Size) -> list[Table]:
    """Refuse uploads, then load all in turns, then send a large file."""
    with stage(both=size != "smoke") as running:
        refused = _refused(running, _REFUSED[size])
        speed = [
            _speed(running, storage, clients, size) for storage in (S3, COUNTING) for clients in _CLIENTS
        ]
        return [refused, *speed, _large(running, size)]


class _Refusal(NamedTuple):
    """An upload that the app refuses. length: of the body; None: the client sends chunks."""

    status: int
    path: str = "/files/a"
    length: int | None = 65536
    more: Mapping[str, str] = {}


_REFUSALS = {
    "the user may not": _Refusal(403, more={"X-User": "mallory"}),
    "a page of another site": _Refusal(403, more={"Sec-Fetch-Site": "cross-site"}),
    "chunks": _Refusal(411, length=None),
    "too large": _Refusal(413, length=6 << 30),
    "no CRC-32": _Refusal(422, more={"x-amz-checksum-crc32": "wrong"}),
    "no room": _Refusal(507, "/files/a?quota=0"),
}


def _refused(running: Stage, count: int) -> Table:
    """Let clients send bodies without waiting for a response, and look what came to the storage."""
    [build, *_] = running.scenes[COUNTING]
    gate, body = running.gate(COUNTING, build), bytes(65536)
    before = running.sink.counted()

    def send(refusal: _Refusal) -> int:
        head = head_of(gate.port, refusal.path, {**gate.headers, **refusal.more}, refusal.length)
        with socket.create_connection(("127.0.0.1", gate.port), timeout=60) as connection:
            connection.sendall(head + (body if refusal.length else b"10000\r\n" + body + b"\r\n0\r\n\r\n"))
            return status_of(connection)

    names = list(islice(cycle(_REFUSALS), count))
    with ThreadPoolExecutor(8) as threads:
        for name, status in zip(names, threads.map(send, map(_REFUSALS.__getitem__, names)), strict=True):
            require(status == _REFUSALS[name].status, f"{name}: {status}")
    connections, came = (now - then for now, then in zip(running.sink.counted(), before, strict=True))
    what = f"{count:,} refusals: bytes of bodies that reach the storage"
    return Table(
        title="Uploads that are refused",
        columns=("what", "measured"),
        rows=((what, came), (f"{count:,} refusals: connections to the storage", connections)),
        note=f"NGINX ({build}). Each client sends 64 KB with the head. The reasons by turns: {', '.join(_REFUSALS)}.",
        targets=(Target(what=what, limit=0, measured=came, unit="bytes", timed=False),),
    )


def _speed(running: Stage, storage: str, clients: int, size: Size) -> Table:
    megabytes = _MEGABYTES[storage][size] / clients
    file = running.folder / f"{megabytes}.bin"
    file.write_bytes(os.urandom(1 << 16) * int(megabytes * 16))
    scenes = running.scenes[storage]
    gates = {f"NGINX, {build}": (running.gate(storage, build), scenes[build].nginx.pids) for build in scenes}
    total = clients * file.stat().st_size
    costs: Samples = {name: [] for name in gates}

    def sampler(place: Place, pids: list[int], cpu: list[float]) -> Callable[[], float]:
        def sample() -> float:
            used, before = cpu_seconds(pids), time.perf_counter()
            list(threads.map(place.put, [file] * clients))
            seconds = time.perf_counter() - before
            cpu.append((cpu_seconds(pids) - used) / total * 1e9)
            return total / seconds / 1e6

        return sample

    is_warm = size != "smoke"
    with ThreadPoolExecutor(clients) as threads:
        contenders = {
            _DIRECT: sampler(running.direct(storage), [], []),
            **{name: sampler(place, pids, costs[name]) for name, (place, pids) in gates.items()},
        }
        samples = interleave(contenders, rounds=_ROUNDS[size], warm=is_warm)
    file.unlink()
    used = {name: spread(found) for name, found in (warmed(costs) if is_warm else costs).items()}
    of = f"{clients} client{'s' * (clients > 1)}"
    return Table(
        title=f"{storage}, {of}",
        columns=("by", "MB/s", "of the storage's own PUT", "NGINX, CPU s/GB"),
        rows=tuple(
            (
                name,
                spread(found),
                "" if name == _DIRECT else ratio(found, samples[_DIRECT]),
                used.get(name, ""),
            )
            for name, found in samples.items()
        ),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds, interleaved; each client sends {megabytes:,.0f} MB."
        " NGINX and app have two workers each.",
        targets=tuple(_goals(f"{storage}, {of}", _LEAST[storage], samples, used)),
    )


def _goals(of: str, least: float, samples: Samples, used: Mapping[str, Spread]) -> Iterator[Target]:
    for name, cost in used.items():
        times = ratio(samples[name], samples[_DIRECT]).median
        what = f"{of}, {name}, over {_DIRECT}"
        yield Target(what=what, limit=least, measured=times, unit="times", at_least=True)
        if least == _LEAST[COUNTING]:
            yield Target(what=f"{of}, {name}, its processor", limit=1, measured=cost.median, unit="s/GB")


def _large(running: Stage, size: Size) -> Table:
    """Send a large file of holes by curl, and see what NGINX and the app need for it."""
    file, length = running.folder / "large.bin", _LARGE[size]
    with file.open("wb") as sparse:
        sparse.truncate(length)
    of = f"{length / (1 << 30):.2g} GiB by curl"
    rows: list[tuple[Cell, ...]] = []
    goals = []
    for build, site in running.scenes[COUNTING].items():
        gate, nginx, app = running.gate(COUNTING, build), site.nginx, site.app
        settled(lambda: [*nginx.pids, *app.pids])  # noqa: B023  # called here
        before = memory(nginx.pids).anonymous, memory(app.pids).anonymous, _written(nginx.pids)
        with peak(lambda: nginx.pids) as most_of_nginx, peak(lambda: app.pids) as most_of_app:  # noqa: B023
            _curl(gate, file)
        after = most_of_nginx.anonymous, most_of_app.anonymous, _written(nginx.pids)
        grown = [(now - then) / 1e6 for now, then in zip(after, before, strict=True)]
        rows.append((build, *grown))
        limits = {"growth of NGINX": 1, "growth of the app": 1, "written to disk by NGINX": 0.1}
        for (what, limit), found in zip(limits.items(), grown, strict=True):
            goal = Target(what=f"{of}, {build}: {what}", limit=limit, measured=found, unit="MB", timed=False)
            goals.append(goal)
    file.unlink()
    return Table(
        title=of,
        columns=("NGINX", "NGINX grows by, MB", "the app grows by, MB", "NGINX writes, MB"),
        rows=tuple(rows),
        note="All processes together, looked at every 50 ms; NGINX writes its logs.",
        targets=tuple(goals) if size != "smoke" else (),  # processes are not warm yet
    )


def _written(pids: list[int]) -> int:
    return sum(psutil.Process(pid).io_counters().write_bytes for pid in pids)


def _curl(gate: Place, file: Path) -> None:
    headers = [part for name, value in gate.headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", "-T", str(file), *headers]
    url = f"http://127.0.0.1:{gate.port}{gate.path()}"
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    require(done.stdout == str(gate.status), f"curl: {done.stdout} {done.stderr}")


QUESTION = Question(asks="how fast uploads are through NGINX, and what they cost", answer=answer)
