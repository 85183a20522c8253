"""How fast is a large file, and what does it cost, against what projects would use instead?

One object of a real S3 server, which checks each signature: through xaccel, through NGINX's plain proxy_pass (nothing
in front of a storage can be faster), straight from the storage, and through Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.clients.downloads import Download, check, load
from benchmarks.contenders.stage import STREAMING, Stage, stage
from benchmarks.measure.interleave import interleave
from benchmarks.measure.processes import cpu_seconds, peak
from benchmarks.measure.question import Cell, Question, Size, Table, Target
from benchmarks.measure.spread import ratio, spread

_NAME = "large.bin"
_BYTES = {"full": 1_000_000_000, "quick": 8_000_000, "smoke": 500_000}
_CLIENTS = (1, 8, 32)
_EACH = {"full": {}, "quick": {1: 4}, "smoke": {}}
"""Downloads of each client, by the number of clients; one where none is named."""
_ROUNDS = {"full": {1: 3, 8: 2, 32: 1}, "quick": {1: 3, 8: 2, 32: 2}, "smoke": {1: 1, 8: 1, 32: 1}}
"""At the full size 32 GB go out in one round with 32 clients."""
_WARM = {"full": 1, "quick": 8, "smoke": 1}
"""Clients at once before anything is timed: with many each worker of an app has had its first hand-off."""
_MOST_CPU = 1.05

_WAYS = {
    "xaccel": ("xaccel, NGINX from S3", "xaccel", "xaccel"),
    "plain": ("NGINX's proxy_pass, the same buffers", "plain", "plain"),
    "usual": ("NGINX's proxy_pass, its default buffers", "plain", "usual"),
    "direct": ("straight to S3, presigned", "", ""),
    "storages-gunicorn": ("Django, django-storages, gunicorn", "storages-gunicorn", "storages"),
    "storages-granian": ("Django, django-storages, Granian", "storages-granian", "storages"),
    "private-storage": ("django-private-storage, gunicorn", "private-storage", "private-storage"),
    "starlette": ("Starlette, boto3, Granian", "starlette", "starlette"),
}
"""Title, NGINX's server, and the first segment of the path."""


@dataclass(slots=True)
class _Cost:
    """What the rounds of one contender took, one entry each."""

    app_s: list[float] = field(default_factory=list)
    nginx_s: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    nginx_peak_bytes: int = 0


def answer(size: Size) -> list[Table]:
    """Download from all in turns with 1, 8 and 32 clients at once; before that, compare every byte."""
    with stage(
        {_NAME: _BYTES[size]}, storage="seaweed", streaming=tuple(STREAMING), together=size == "smoke"
    ) as behind:
        downloads = {way: _download(behind, way) for way in _WAYS}
        for one in downloads.values():
            check(one)
            load(one, clients=_WARM[size], each=1)
        return [_table(behind, downloads, clients, size) for clients in _CLIENTS]


def _download(behind: Stage, way: str) -> Download:
    stored, (_, server, path) = behind.files[_NAME], _WAYS[way]
    if way == "direct":
        return Download(behind.storage_port, behind.signed_path(_NAME), stored)
    return Download(behind.ports[server], f"/{path}/{_NAME}", stored, behind.cookie)


def _table(behind: Stage, downloads: Mapping[str, Download], clients: int, size: Size) -> Table:
    each, rounds = _EACH[size].get(clients, 1), _ROUNDS[size][clients]
    costs = {way: _Cost() for way in _WAYS}
    samples = interleave(
        {
            way: _sampler(behind, way, one, costs[way], clients=clients, each=each)
            for way, one in downloads.items()
        },
        rounds=rounds,
        warm=False,
    )
    gigabytes = clients * each * _BYTES[size] / 1e9
    own = samples["xaccel"]
    rows: list[tuple[Cell, ...]] = []
    for way, (title, *_) in _WAYS.items():
        cost = costs[way]
        rows.append(
            (
                title,
                spread([gigabytes * 1e3 / one for one in samples[way]]),
                "" if way == "xaccel" else ratio(samples[way], own),
                "" if way in ("plain", "usual", "direct") else sum(cost.app_s) / rounds / gigabytes,
                "" if way == "direct" else sum(cost.nginx_s) / rounds / gigabytes,
                cost.peak_bytes / 1e6 if cost.peak_bytes else "",
            )
        )
    own_cpu, plain_cpu = (costs[way].nginx_s for way in ("xaccel", "plain"))
    return Table(
        title=f"A file of {_BYTES[size] / 1e6:,.0f} MB, {clients} {'client' if clients == 1 else 'clients'} at once",
        columns=(
            "by",
            "MB/s",
            "xaccel is so many times as fast",
            "app, CPU s/GB",
            "NGINX, CPU s/GB",
            "app's memory at most, MB",
        ),
        rows=tuple(rows),
        note=f"Median (quartiles) of {rounds} rounds, interleaved; {each} of each client. SeaweedFS; NGINX"
        f" ({behind.variant.name}) and apps with 2 workers each.\nMemory is the PSS of all processes of the app server;"
        f" NGINX, one for all rows, used {max(one.nginx_peak_bytes for one in costs.values()) / 1e6:.0f} MB at most."
        " Every byte was compared once for each row, sizes always.\nNGINX in front of"
        " Python has a longer timeout than the default of 60 s, with which some of 32 clients of 1 GB get 504.",
        targets=(
            Target(
                what=f"{clients} at once, NGINX's CPU time over that of the plain proxy",
                limit=_MOST_CPU,
                measured=sum(own_cpu) / max(sum(plain_cpu), 1e-9),
                unit="times",
            ),
        ),
        plot=1,
    )


def _sampler(
    behind: Stage, way: str, download: Download, cost: _Cost, *, clients: int, each: int
) -> Callable[[], float]:
    app = behind.apps.get({"xaccel": "hand-off"}.get(way, way))

    def sample() -> float:
        app_pids = app.pids() if app else []
        app_s, nginx_s = cpu_seconds(app_pids), cpu_seconds(behind.nginx.pids)
        with (
            peak(lambda: app_pids, every_s=0.2) as of_app,
            peak(lambda: behind.nginx.pids, every_s=0.2) as of_nginx,
        ):
            taken = load(download, clients=clients, each=each).seconds
        cost.peak_bytes = max(cost.peak_bytes, of_app.pss)
        cost.nginx_peak_bytes = max(cost.nginx_peak_bytes, of_nginx.pss)
        cost.app_s.append(cpu_seconds(app_pids) - app_s)
        cost.nginx_s.append(cpu_seconds(behind.nginx.pids) - nginx_s)
        return taken

    return sample


QUESTION = Question(asks="how fast a large file is, against what projects would use instead", answer=answer)
