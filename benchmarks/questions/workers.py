"""What does a second worker bring, of the app server and of NGINX?

The same downloads with one worker of each and with two, a real app under gunicorn behind NGINX.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.clients.downloads import Download, check, load
from benchmarks.contenders.stage import Stage, stage
from benchmarks.measure.interleave import interleave
from benchmarks.measure.question import Cell, Question, Size, Table
from benchmarks.measure.spread import ratio, spread

_NAME, _BYTES = "small.bin", 65536
_COUNTS = (1, 2)
_CLIENTS = 8
_SECONDS = {"full": 2.0, "quick": 0.5, "smoke": 0.0}
_ROUNDS = {"full": 9, "quick": 3, "smoke": 1}
_WAYS = {"the empty response": ("local", "empty"), "xaccel, from the storage": ("xaccel", "xaccel")}


def answer(size: Size) -> list[Table]:
    """Load both in turns; before that, compare every byte."""
    with ExitStack() as stack:
        stages = {
            count: stack.enter_context(stage({_NAME: _BYTES}, workers=count, nginx_workers=count))
            for count in _COUNTS
        }
        samples = interleave(
            {
                f"{way} {count}": _sampler(behind, way, _SECONDS[size])
                for count, behind in stages.items()
                for way in _WAYS
            },
            rounds=_ROUNDS[size],
            warm=size == "full",
        )
    rows: list[tuple[Cell, ...]] = []
    for way in _WAYS:
        one, two = (samples[f"{way} {count}"] for count in _COUNTS)
        rows.append((way, spread(one), spread(two), ratio(two, one)))
    return [
        Table(
            title="A second worker",
            columns=("responses a second", "1 worker", "2 workers", "ratio"),
            rows=tuple(rows),
            note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved; {_CLIENTS} clients"
            f" in Python, files of {_BYTES // 1024} KB.\ngunicorn and NGINX have that many workers each, and share the"
            " processors with the storage and the clients.",
        )
    ]


def _sampler(behind: Stage, way: str, seconds: float) -> Callable[[], float]:
    server, path = _WAYS[way]
    empty = path == "empty"
    download = Download(
        behind.ports[server],
        f"/{path}/{_NAME}",
        None if empty else behind.files[_NAME],
        behind.cookie,
    )
    check(download)
    return lambda: load(download, clients=_CLIENTS, each=1, seconds=seconds).per_second


QUESTION = Question(asks="what a second worker of the app and of NGINX brings", answer=answer)
