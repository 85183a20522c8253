"""How fast are large downloads, against NGINX's default proxy buffers?

The same text in a second NGINX, without our buffer directives: the defaults then hold, and what a client does not
take at once goes to disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.clients.each_worker import one_each
from benchmarks.measure.interleave import Sampler, interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target
from benchmarks.measure.spread import ratio, spread

if TYPE_CHECKING:
    from xaccel.tools.nginx.emit import Directive
    from xaccel.tools.nginx.render import Parts

_NAME = "large.bin"
_BYTES = {"full": 100_000_000, "quick": 40_000_000, "smoke": 2_000_000}
_ROUNDS = {"full": 9, "quick": 3, "smoke": 1}
_EACH = 2
_TIMES = 1.3
_OURS = {
    "proxy_buffering",
    "proxy_max_temp_file_size",
    "proxy_temp_file_write_size",
    "proxy_buffer_size",
    "proxy_buffers",
    "proxy_busy_buffers_size",
}


def answer(size: Size) -> list[Table]:
    """Download on every build with both kinds of buffers in turns; before that, compare every byte."""
    from benchmarks.clients import wrk
    from benchmarks.servers.back import WORKERS
    from benchmarks.servers.front import Front, stage

    with stage({_NAME: _BYTES[size]}, njs=size != "quick") as behind:
        stored = behind.files[_NAME]

        def load(front: Front, origin: str, cpu: list[float]) -> Callable[[], float]:
            path = f"/{origin}/{_NAME}"
            wrk.compare(front.port, path, stored)

            def sample() -> float:
                before = front.cpu_seconds()
                taken = wrk.transfer_seconds(one_each(front, front.port), path, stored, each=_EACH)
                cpu.append(front.cpu_seconds() - before)
                return taken

            return sample

        contenders: dict[str, Sampler] = {}
        cpu: dict[str, list[float]] = {}
        for variant in behind.variants:
            for kind, front in (
                ("ours", behind.front(variant)),
                ("default", behind.front(variant, change=_defaults)),
            ):
                for origin in ("tls", "plain"):
                    name = f"{variant.name} {origin} {kind}"
                    contenders[name] = load(front, origin, cpu.setdefault(name, []))
        samples = interleave(contenders, rounds=_ROUNDS[size])
    megabytes = WORKERS * _EACH * _BYTES[size] / 1e6
    rows: list[tuple[Cell, ...]] = []
    targets = []
    for variant in behind.variants:
        for origin in ("tls", "plain"):
            title = f"{variant.name}, origin with TLS" if origin == "tls" else f"{variant.name}, plain origin"
            ours, default = (f"{variant.name} {origin} {kind}" for kind in ("ours", "default"))
            faster = ratio(samples[default], samples[ours])
            rows.append(
                (
                    title,
                    spread([megabytes / one for one in samples[ours]]),
                    spread([megabytes / one for one in samples[default]]),
                    faster,
                    # the first round is thrown away there too
                    sum(cpu[default][1:]) / max(sum(cpu[ours][1:]), 0.01),
                )
            )
            targets.append(
                Target(
                    what=f"{title}, over default buffers",
                    limit=_TIMES,
                    measured=faster.median,
                    unit="times",
                    at_least=True,
                )
            )
    return [
        Table(
            title=f"Downloads of {_BYTES[size] / 1e6:,.0f} MB",
            columns=("NGINX, origin", "xaccel, MB/s", "default buffers, MB/s", "ratio", "ratio of CPU time"),
            rows=tuple(rows),
            note=f"Median (quartiles) of {_ROUNDS[size]} rounds, interleaved; {WORKERS} workers, a client"
            f" for each, {_EACH} downloads per client.\nCPU time is of the NGINX in front. Every byte was"
            " compared once for each row, sizes always.",
            targets=tuple(targets),
        )
    ]


def _defaults(parts: Parts) -> Parts:
    """Leave our buffers out of the locations that ask an origin."""
    from tests.engine_text import expanded

    return replace(parts, server=tuple(_without(one) for one in expanded(parts.server)))


def _without(one: Directive) -> Directive:
    if one.block is None:
        return one
    return replace(one, block=tuple(_without(inner) for inner in one.block if inner.name not in _OURS))


QUESTION = Question(asks="how fast large downloads are, against NGINX's default buffers", answer=answer)
