"""How much memory does each thread of an app server need, to make signed URLs?

Each sample is a new interpreter: it signs once, then once on each of many threads, which all stay, as those of a
server do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.contenders.signers import SIGNERS
from benchmarks.measure.interleave import Sampler, interleave
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require
from benchmarks.measure.spread import spread

_THREADS = {"full": 32, "quick": 16, "smoke": 4}
_ROUNDS = {"full": 7, "quick": 2, "smoke": 1}
_LIMIT_MB = 0.5

_CHILD = """
import json, os, sys, threading
from benchmarks.contenders.signers import SIGNERS
from benchmarks.measure.processes import memory
own = lambda: memory([os.getpid()]).anonymous
start = own()
sign = SIGNERS[{name!r}]()
assert "X-Amz-Signature=" in sign("a.pdf")
one, stay, signed = own(), threading.Event(), threading.Barrier({count} + 1)
def work():
    assert "X-Amz-Signature=" in sign("a.pdf")
    signed.wait()
    stay.wait()
def idle():
    signed.wait()
    stay.wait()
def grown(target):
    before = own()
    threads = [threading.Thread(target=target) for _ in range({count})]
    for thread in threads:
        thread.start()
    signed.wait()
    after = own()
    stay.set()
    for thread in threads:
        thread.join()
    stay.clear()
    return after - before
nothing = grown(idle)
print(json.dumps([one - start, (grown(work) - nothing) / {count}]))
"""


def answer(size: Size) -> list[Table]:
    """Measure each signer in interpreters of its own."""
    first: dict[str, list[float]] = {name: [] for name in SIGNERS}
    samples = interleave(
        {name: _sampler(name, _THREADS[size], first[name]) for name in SIGNERS},
        rounds=_ROUNDS[size],
        warm=False,
    )
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            spread([one / 1e6 for one in first[name]]),
            spread([max(one, 0) / 1e6 for one in samples[name]]),
        )
        for name in SIGNERS
    ]
    return [
        Table(
            title="Memory for signed URLs",
            columns=("signer", "first URL with its imports, MB", "each further thread, MB"),
            rows=tuple(rows),
            note=f"Median (quartiles) of {_ROUNDS[size]} new interpreters, interleaved; {_THREADS[size]} threads,"
            " one URL on each. Anonymous memory, minus the memory of idle threads.",
            targets=(
                Target(
                    what="xaccel, each further thread",
                    limit=_LIMIT_MB,
                    measured=max(spread(samples["xaccel"]).median, 0) / 1e6,
                    unit="MB",
                    timed=False,
                ),
            ),
            plot=2,
        )
    ]


def _sampler(name: str, threads: int, first: list[float]) -> Sampler:
    root = Path(__file__).parents[2]

    def sample() -> float:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD.format(name=name, count=threads)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        require(done.returncode == 0, f"{name}: {done.stderr[-500:]}")
        once, each = json.loads(done.stdout)
        first.append(once)
        return float(each)

    return sample


QUESTION = Question(asks="how much memory each thread needs to make signed URLs", answer=answer)
