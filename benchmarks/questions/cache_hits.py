"""How fast is a cache hit, against the same file that the same NGINX sends without asking anybody?

A hit asks the app first, as every download does. A file of a directory that is handed off shows what that costs alone.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.clients.each_worker import one_each
from benchmarks.measure.interleave import interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import ratio, spread

_SIZES = {"1 MB": 1_000_000, "100 MB": 100_000_000}
_SMOKE = {"1 MB": 1_000_000, "4 MB": 4_000_000}
_TAKES = {"1 MB": (4, 25), "100 MB": (1, 2)}
"""Clients of each worker at once, more than one for the small one, so that one waits for the app while others send;
downloads of each. Were they shared out by chance, both large downloads would often be one worker's."""
_ROUNDS = {"full": 11, "quick": 3, "smoke": 1}
_LEAST = {"deb": 0.9, "wheel": 0.85}


def answer(size: Size) -> list[Table]:
    """Send hits, files of a directory and plain files in turns; before that, compare every byte."""
    from benchmarks.clients import wrk
    from benchmarks.servers.back import WORKERS
    from benchmarks.servers.front import Front, stage

    sizes = _SMOKE if size == "smoke" else _SIZES
    takes = {name: (1, 2) if size == "smoke" else _TAKES[name] for name in sizes}
    names = {title: f"{title.replace(' ', '-')}.bin" for title in sizes}
    with stage({names[title]: count for title, count in sizes.items()}, njs=size != "quick") as behind:

        def load(front: Front, port: int, path: str, title: str) -> Callable[[], float]:
            stored = behind.files[names[title]]
            clients_each, downloads = takes[title]
            wrk.compare(port, path, stored)
            wrk.compare(port, path, stored)
            return lambda: wrk.transfer_seconds(
                [one for _ in range(clients_each) for one in one_each(front, port)],
                path,
                stored,
                each=downloads,
            )

        contenders, fronts = {}, []
        for variant in behind.variants:
            front = behind.front(variant)
            fronts.append(front)
            for title, file in names.items():
                for way, port, path in (
                    ("hit", front.port, f"/cached/{file}"),
                    ("local", front.port, f"/local/{file}"),
                    ("static", front.static_port, f"/{file}"),
                ):
                    contenders[f"{variant.name} {title} {way}"] = load(front, port, path, title)
        samples = interleave(contenders, rounds=_ROUNDS[size])
        for front in fronts:
            total = sum(
                2 + (1 + _ROUNDS[size]) * WORKERS * takes[title][0] * takes[title][1] for title in names
            )
            lines = front.nginx.lines(2 * total, timeout_s=10)
            found = [line["cache"] for line in lines if line["origin"] == "cached"]
            require(
                found.count("MISS") == len(names) and found.count("HIT") == total - len(names),
                f"{front.variant.name}: {len(found)} downloads, {found.count('HIT')} hits of {total}",
            )
    rows: list[tuple[Cell, ...]] = []
    targets = []
    for variant in behind.variants:
        least = _LEAST[variant.name.partition("-")[0]]
        for title in names:
            megabytes = WORKERS * takes[title][0] * takes[title][1] * sizes[title] / 1e6
            hit, local, static = (
                samples[f"{variant.name} {title} {way}"] for way in ("hit", "local", "static")
            )
            to_static = ratio(static, hit)
            rows.append(
                (
                    f"{variant.name}, {title}",
                    spread([megabytes / one for one in hit]),
                    spread([megabytes / one for one in static]),
                    to_static,
                    ratio(static, local),
                )
            )
            targets.append(
                Target(
                    what=f"{variant.name}, {title}, hit over static file",
                    limit=least,
                    measured=to_static.median,
                    unit="times",
                    at_least=True,
                )
            )
    return [
        Table(
            title="Cache hits",
            columns=("NGINX, object", "hit, MB/s", "static file, MB/s", "ratio", "directory to static"),
            rows=tuple(rows),
            note=f"Median (quartiles) of {_ROUNDS[size]} rounds, interleaved;"
            f" {WORKERS} workers, as many clients for each. Each log entry has HIT.\nA hit and a file of a"
            " directory need a request to the app, a static file does not. Every byte was compared twice for each"
            " row, sizes always.",
            targets=tuple(targets),
        )
    ]


QUESTION = Question(asks="how fast a cache hit is, against a static file", answer=answer)
