"""How many small downloads a second, against the classic configuration?

4 KB objects of an origin with TLS; the app is an NGINX that only hands off. Both configurations are in one NGINX.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.interleave import interleave
from benchmarks.question import Cell, Question, Size, Table, Target
from benchmarks.spread import ratio, spread

_NAME, _BYTES = "small.bin", 4096
_CONNECTIONS = 32
_SECONDS = {"full": 2, "quick": 1, "smoke": 1}
_ROUNDS = {"full": 7, "quick": 3, "smoke": 1}
_TIMES = 10


def answer(size: Size) -> list[Table]:
    """Load every build with both configurations in turns; before that, compare every body."""
    from benchmarks.clients import requests_per_second
    from benchmarks.servers import WORKERS, stage

    with stage({_NAME: _BYTES}) as behind:
        stored = behind.files[_NAME]

        def compared(url: str) -> float:
            return requests_per_second(url, stored, connections=_CONNECTIONS, seconds=1, compare=True)

        def load(url: str) -> Callable[[], float]:
            compared(url)
            return lambda: requests_per_second(url, stored, connections=_CONNECTIONS, seconds=_SECONDS[size])

        urls = {}
        for variant in behind.variants:
            front = behind.front(variant)
            urls[variant.name] = f"{front.nginx.url}/tls/{_NAME}"
            urls[f"{variant.name} classic"] = f"http://127.0.0.1:{front.classic_port}/classic/{_NAME}"
        if size == "smoke":
            with ThreadPoolExecutor() as pool:
                samples = {
                    name: [rate] for name, rate in zip(urls, pool.map(compared, urls.values()), strict=True)
                }
        else:
            samples = interleave({name: load(url) for name, url in urls.items()}, rounds=_ROUNDS[size])
    rows: list[tuple[Cell, ...]] = []
    targets = []
    for variant in behind.variants:
        own, recipe = samples[variant.name], samples[f"{variant.name} classic"]
        more = ratio(own, recipe)
        rows.append((variant.name, spread(own), spread(recipe), more))
        targets.append(
            Target(
                what=f"{variant.name}, over the classic configuration",
                limit=_TIMES,
                measured=more.median,
                unit="times",
                at_least=True,
            )
        )
    return [
        Table(
            title=f"Downloads of {_BYTES} bytes a second, origin with TLS",
            columns=("NGINX", "xaccel", "classic", "ratio"),
            rows=tuple(rows),
            note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved; wrk with"
            f" {_CONNECTIONS} kept connections, {WORKERS} workers.\nThe classic configuration verifies no certificate"
            " and looks up no name, which favours it; xaccel verifies. Every body was compared before."
            + ("\nAll at once: the figures mean nothing." if size == "smoke" else ""),
            targets=tuple(targets),
        )
    ]


QUESTION = Question(
    asks="how many small downloads a second, against the classic configuration", answer=answer
)
