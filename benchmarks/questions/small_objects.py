"""How many small downloads a second, against the classic configuration?

4 KB objects of an origin with TLS; the app is an NGINX that only hands off. Both configurations are in one NGINX.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure.interleave import interleave
from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import Cell, Question, Size, Table, Target
from benchmarks.measure.spread import ratio, spread

_NAME, _BYTES = "small.bin", 4096
_CONNECTIONS = 128
"""So many that each of two workers gets its share of them: of 32 one worker sometimes takes all."""
_FEW = 8
"""Of the smoke test, which runs all of them beside others."""
_SECONDS = {"full": 2.0, "quick": 0.5, "smoke": 0.1}
_ROUNDS = {"full": 7, "quick": 3, "smoke": 1}
_TIMES = 10
_RECIPES = {"RSA 2048": "classic-rsa", "P-256": "classic"}
"""The key of the origin's certificate, on which a handshake's cost depends, and the path of the recipe's downloads."""


def answer(size: Size) -> list[Table]:
    """Load every build with both configurations in turns; before that, compare every body."""
    from benchmarks.clients.wrk import answered
    from benchmarks.servers.back import WORKERS
    from benchmarks.servers.front import Front, stage

    cpu: dict[str, list[float]] = {}
    with stage({_NAME: _BYTES}, njs=size != "quick") as behind:
        stored = behind.files[_NAME]

        def compared(url: str) -> float:
            return answered(url, stored, connections=_FEW, seconds=0.1, compare=True).per_second

        def load(front: Front, url: str, spent: list[float]) -> Callable[[], float]:
            compared(url)

            def used() -> float:
                return cpu_seconds([*front.nginx.pids, *behind.back.pids])

            def sample() -> float:
                before = used()
                found = answered(url, stored, connections=_CONNECTIONS, seconds=_SECONDS[size])
                rate = found.per_second
                spent.append((used() - before) / found.requests)
                return rate

            return sample

        urls: dict[str, tuple[Front, str]] = {}
        for variant in behind.variants:
            front = behind.front(variant)
            urls[variant.name] = front, f"{front.nginx.url}/tls/{_NAME}"
            for key, path in _RECIPES.items():
                urls[f"{variant.name} {key}"] = front, f"http://127.0.0.1:{front.classic_port}/{path}/{_NAME}"
        if size == "smoke":
            with ThreadPoolExecutor(4) as pool:
                rates = pool.map(compared, [url for _, url in urls.values()])
                samples = {name: [rate] for name, rate in zip(urls, rates, strict=True)}
                cpu = {name: [1.0] for name in urls}
        else:
            samples = interleave(
                {name: load(front, url, cpu.setdefault(name, [])) for name, (front, url) in urls.items()},
                rounds=_ROUNDS[size],
                warm=size == "full",
            )
    rows: list[tuple[Cell, ...]] = []
    targets = []
    for variant in behind.variants:
        own = samples[variant.name]
        for key in _RECIPES:
            recipe = samples[f"{variant.name} {key}"]
            more = ratio(own, recipe)
            rows.append(
                (
                    f"{variant.name}, {key}",
                    spread(own),
                    spread(recipe),
                    more,
                    ratio(cpu[f"{variant.name} {key}"], cpu[variant.name]),
                )
            )
            targets.append(
                Target(
                    what=f"{variant.name}, {key}, over the classic configuration",
                    limit=_TIMES,
                    measured=more.median,
                    unit="times",
                    at_least=True,
                )
            )
    return [
        Table(
            title=f"Downloads of {_BYTES} bytes a second, origin with TLS",
            columns=("NGINX, key of the origin", "xaccel", "classic", "ratio", "ratio of CPU time"),
            rows=tuple(rows),
            note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved; wrk with"
            f" {_CONNECTIONS} reused connections, {WORKERS} workers.\nCPU time is the sum of NGINX, origin and app"
            " for one download, without the client.\nThe classic configuration verifies no certificate"
            " and resolves no name, which favours it. Every body was compared before the measurement."
            + ("\nAll at once: the figures mean nothing." if size == "smoke" else ""),
            targets=tuple(targets),
        )
    ]


QUESTION = Question(
    asks="how many small downloads a second, against the classic configuration", answer=answer
)
