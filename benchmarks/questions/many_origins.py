"""Do a thousand origins cost a download more than one does?

Each has a host of its own, so that none shares anything with another. The last of them is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.measure.interleave import Sampler, each, interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import Spread, ratio, spread

if TYPE_CHECKING:
    from benchmarks.servers.front import Front, Stage
    from xaccel.site import Site

_COUNTS = (1, 10, 1000)
_NAME, _BYTES = "small.bin", 4096
_CONNECTIONS = 32
_SECONDS = {"full": 2.0, "quick": 0.4, "smoke": 0}
_ROUNDS = {"full": 7, "quick": 3, "smoke": 1}
_BATCHES = {"full": 300, "quick": 100, "smoke": 3}
_BATCH = 100
_LEAST_RATE, _MOST_HAND_OFF, _MOST_TEST_S = 0.9, 1.1, 5

Fronts = Mapping[tuple[str, int], "Front"]


def answer(size: Size) -> list[Table]:
    """Print, test, start and load sites of each size on every build; then hand off from each in Python."""
    from benchmarks.servers.front import stage

    with stage({_NAME: _BYTES}, more=_origins, njs=size != "quick") as behind:
        sites = {count: _site(behind.site, count) for count in _COUNTS}
        fronts = {
            (variant.name, count): behind.front(variant, site=site)
            for variant in behind.variants
            for count, site in sites.items()
        }
        return [_text(fronts, size), _served(behind, fronts, size), _handed_off(sites, size)]


def _origins(port: int) -> dict[str, object]:
    return {
        _origin(number): {
            "type": "http",
            "base_url": f"http://host-{number}.test:{port}/",
            "connect_to": [f"127.0.0.1:{port}"],
        }
        for number in range(1, max(_COUNTS) + 1)
    }


def _origin(number: int) -> str:
    return f"many-{number}"


def _site(whole: Site, count: int) -> Site:
    chosen = {name: whole.origin(name) for name in map(_origin, range(1, count + 1))}
    return replace(whole, origins=chosen, cache=None)


def _text(fronts: Fronts, size: Size) -> Table:
    from benchmarks.measure.processes import memory
    from xaccel_testing.servers.nginx_server import CONFIG, check_config

    def test(front: Front) -> Sampler:
        def sample() -> float:
            start = time.perf_counter()
            check_config(front.nginx.directory, front.nginx.binary)
            return time.perf_counter() - start

        return sample

    keyed = {f"{name} {count}": test(front) for (name, count), front in fronts.items()}
    samples = interleave(keyed, rounds=_ROUNDS[size])
    rows: list[tuple[Cell, ...]] = []
    for (name, count), front in fronts.items():
        text = (front.nginx.directory / CONFIG).stat().st_size
        workers = [pid for pid in front.nginx.pids if pid != front.nginx.pid]
        rows.append(
            (
                f"{name}, {count}",
                f"{text / 1000:.0f}",
                spread(samples[f"{name} {count}"]),
                f"{memory([front.nginx.pid]).seen / 1e6:.1f}",
                f"{max(memory([pid]).seen for pid in workers) / 1e6:.1f}",
                f"{memory(front.nginx.pids).anonymous / 1e6:.1f}",
            )
        )
    slowest = max(spread(samples[f"{name} {count}"]).median for name, count in fronts)
    return Table(
        title="The configuration of many origins in NGINX",
        columns=(
            "NGINX, origins",
            "configuration, KB",
            "nginx -t, s",
            "master, MB",
            "worker, MB",
            "together, MB",
        ),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds, interleaved. Memory after the start, without pages of"
        " files.\nMaster and two workers share the parsed configuration; the last column counts it once.",
        targets=(Target(what="nginx -t of the slowest", limit=_MOST_TEST_S, measured=slowest, unit="s"),),
    )


def _served(behind: Stage, fronts: Fronts, size: Size) -> Table:
    from benchmarks.clients.wrk import Connection, answered, compare, transfer_seconds

    stored = behind.files[_NAME]

    def load(front: Front, count: int) -> Callable[[], float]:
        path = f"/{_origin(count)}/{_NAME}"
        compare(front.port, path, stored)
        if size == "smoke":
            return lambda: (
                200 / transfer_seconds([Connection(front.port) for _ in range(4)], path, stored, each=50)
            )
        return lambda: (
            answered(
                front.nginx.url + path, stored, connections=_CONNECTIONS, seconds=_SECONDS[size]
            ).per_second
        )

    loads = {f"{name} {count}": load(front, count) for (name, count), front in fronts.items()}
    samples = interleave(loads, rounds=_ROUNDS[size], warm=size == "full")
    rows: list[tuple[Cell, ...]] = []
    targets = []
    for variant in behind.variants:
        rates = [samples[f"{variant.name} {count}"] for count in _COUNTS]
        ratios = [ratio(one, rates[0]) for one in rates[1:]]
        rows.append((variant.name, *map(spread, rates), *ratios))
        targets.append(
            Target(
                what=f"{variant.name}, the last of {_COUNTS[-1]} over one alone",
                limit=_LEAST_RATE,
                measured=ratios[-1].median,
                unit="of it",
                at_least=True,
            )
        )
    return Table(
        title=f"Downloads of {_BYTES} bytes a second from the last of many origins, without TLS",
        columns=("NGINX", *map(str, _COUNTS), *(f"ratio {count}" for count in _COUNTS[1:])),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds, interleaved, {_SECONDS[size]} s each;"
        f" wrk with {_CONNECTIONS} reused connections."
        if size != "smoke"
        else "Two hundred downloads each.",
        targets=tuple(targets),
    )


def _handed_off(sites: Mapping[int, Site], size: Size) -> Table:
    from xaccel import HTTPOrigin, ObjectRef, Sender

    def ways(count: int, site: Site) -> dict[str, Callable[[], object]]:
        sender, origin = Sender(site), _origin(count)
        of = site.origin(origin)
        assert isinstance(of, HTTPOrigin)
        url = f"{of.base_url}a/{_NAME}"
        made = sender.hand_off(ObjectRef(sender.places.origin_of_url(url), url=url))
        found = made.event.origin
        require((found, made.target) == (origin, url), f"{count} origins: handed off to {found}")
        return {
            f"key {count}": lambda: sender.hand_off(ObjectRef(origin, _NAME)),
            f"url {count}": lambda: sender.hand_off(ObjectRef(sender.places.origin_of_url(url), url=url)),
        }

    calls = {name: call for count, site in sites.items() for name, call in ways(count, site).items()}
    samples = interleave(
        {name: each(call, calls=_BATCH) for name, call in calls.items()}, rounds=_BATCHES[size]
    )
    rows: list[tuple[Cell, ...]] = []
    targets = []
    for way, title in (("key", "object key"), ("url", "stored URL, its origin found")):
        times = [samples[f"{way} {count}"] for count in _COUNTS]
        grown = ratio(times[-1], times[0])
        rows.append((title, *(_micro(one) for one in times), grown))
        targets.append(
            Target(
                what=f"{title}, {_COUNTS[-1]} origins over one",
                limit=_MOST_HAND_OFF,
                measured=grown.median,
                unit="times",
            )
        )
    return Table(
        title="A hand-off to the last of many origins, without Django and signature, in µs",
        columns=("for", *map(str, _COUNTS), f"ratio {_COUNTS[-1]}"),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_BATCHES[size]} batches of {_BATCH}, interleaved in one process, CPU time.",
        targets=tuple(targets),
    )


def _micro(seconds: Sequence[float]) -> Spread:
    return spread([one * 1e6 for one in seconds])


QUESTION = Question(asks="whether a thousand origins cost a download more than one does", answer=answer)
