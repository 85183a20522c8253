"""How many small files a second with a real app, against what projects would use instead?

A Django project as `startproject` makes it, with sessions, users and documents in a database, under gunicorn. Every
contender checks the same permission. What costs most is Django: that is what a real download costs.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.clients.downloads import Download, Load, check, load
from benchmarks.contenders.stage import Stage, stage
from benchmarks.measure.interleave import interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target
from benchmarks.measure.spread import ratio, spread

_SIZES = {"4 KB": 4096, "64 KB": 65536, "1 MB": 1_000_000}
_SECONDS = {"full": 3.0, "quick": 0.3, "smoke": 0.0}
_ROUNDS = {"full": 7, "quick": 3, "smoke": 1}
_CLIENTS = 16
_FLOOR = "the same view, an empty response"
_WAYS = {
    _FLOOR: ("local", "empty"),
    "xaccel, from the storage": ("xaccel", "xaccel"),
    "xaccel, from its cache": ("xaccel", "xaccel-cached"),
    "xaccel, a directory": ("xaccel", "xaccel-directory"),
    "classic recipe, from the storage": ("classic", "classic"),
    "presigned redirect, two round trips": ("local", "presigned"),
    "django-sendfile2, a directory": ("local", "sendfile2"),
    "django-downloadview, a directory": ("local", "downloadview"),
}
"""NGINX's server, and the first segment of the path."""
_RIVAL = "django-sendfile2, a directory"


def answer(size: Size) -> list[Table]:
    """Load all in turns; before that, compare every byte."""
    sizes = {f"{title.replace(' ', '-')}.bin": count for title, count in _SIZES.items()}
    with stage(sizes, workers=1 if size == "smoke" else 2) as behind:
        return [_table(behind, title, name, size) for title, name in zip(_SIZES, sizes, strict=True)]


def _table(behind: Stage, title: str, name: str, size: Size) -> Table:
    loads: dict[str, list[Load]] = {way: [] for way in _WAYS}

    def sampler(way: str) -> Callable[[], float]:
        server, path = _WAYS[way]
        download = Download(
            behind.ports[server],
            f"/{path}/{name}",
            None if way == _FLOOR else behind.files[name],
            behind.cookie,
            storage_port=behind.storage_port if path == "presigned" else 0,
        )
        check(download)

        def sample() -> float:
            found = load(download, clients=_CLIENTS, each=1, seconds=_SECONDS[size])
            loads[way].append(found)
            return found.per_second

        return sample

    samples = interleave({way: sampler(way) for way in _WAYS}, rounds=_ROUNDS[size], warm=size == "full")
    rows: list[tuple[Cell, ...]] = []
    for way in _WAYS:
        kept = loads[way][-_ROUNDS[size] :]
        rows.append(
            (
                way,
                spread(samples[way]),
                "" if way == _FLOOR else ratio(samples[way], samples[_FLOOR]),
                spread([one.percentile_ms(50) for one in kept]),
                spread([one.percentile_ms(99) for one in kept]),
            )
        )
    return Table(
        title=f"Files of {title}, a real app",
        columns=("by", "a second", "of the empty response", "p50, ms", "p99, ms"),
        rows=tuple(rows),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_SECONDS[size]} s, interleaved;"
        f" {_CLIENTS} clients in Python, which reuse connections. gunicorn and NGINX"
        f" ({behind.variant.name}) with 2 workers each.\nThe storage is an NGINX that checks no signature, so the ratio"
        " compares only the servers in front of it. Every byte was compared once for each row, sizes always.",
        targets=tuple(
            Target(
                what=f"{title}, {way} over {_RIVAL}",
                limit=1,
                measured=ratio(samples[way], samples[_RIVAL]).median,
                unit="times",
                at_least=True,
            )
            for way in ("xaccel, from the storage", "xaccel, a directory")
        ),
        plot=1,
    )


QUESTION = Question(
    asks="how many small files a second with a real app, against what projects would use instead",
    answer=answer,
)
