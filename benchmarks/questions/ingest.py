"""How many lines a second does `manage.py xaccel ingest` take into PostgreSQL, and in how much memory?

The process of ingest runs on one processor; PostgreSQL's takes what it gets. A line is reckoned in `json.loads` of the
same line too, timed between the batches: on a busy machine both take longer.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.databases.audit_database import migrated, setup
from benchmarks.databases.audit_lines import take_in, write_lines
from benchmarks.measure.question import Cell, Question, Size, Table, Target, require

_LINES = {"full": (100_000, 1_000_000), "quick": (20_000, 50_000), "smoke": (6_000, 12_000)}
_PARSED = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking in a log came to. loads_s: CPU seconds of json.loads for one of its lines.

    cpu_s: of the process of ingest; postgres_s: of the process of PostgreSQL that serves it.
    """

    lines: int
    cpu_s: float
    postgres_s: float
    wall_s: float
    loads_s: float
    peak_mb: float

    @property
    def ratio(self) -> float:
        return self.cpu_s / self.lines / self.loads_s


def answer(size: Size) -> list[Table]:
    """Take in a short and a long log, each line with a row that waits for it."""
    rows: list[tuple[Cell, ...]] = []
    found: dict[int, Taken] = {}
    with TemporaryDirectory() as folder, migrated(Path(folder)) as dsn:
        for count in _LINES[size]:
            taken = found[count] = _alone(dsn, Path(folder) / "xaccel.log", count)
            require(taken.lines == count, f"{taken.lines} of {count} lines were taken in")
            rows.append(
                (
                    f"{count:,}",
                    taken.lines / taken.cpu_s,
                    taken.lines / taken.wall_s,
                    1e6 * taken.cpu_s / taken.lines,
                    1e6 * taken.postgres_s / taken.lines,
                    taken.ratio,
                    taken.peak_mb,
                )
            )
    few, many = _LINES[size]
    return [
        Table(
            title="Ingest into PostgreSQL",
            columns=(
                "lines",
                "lines/s of its CPU",
                "lines/s by the clock",
                "its µs a line",
                "PostgreSQL's",
                "json.loads of a line",
                "peak MB",
            ),
            rows=tuple(rows),
            note="The process of ingest runs on one processor and waits for PostgreSQL: by the clock, an entry"
            " takes\nthe CPU time of both, and more if other programs run.",
            targets=(
                Target(
                    what="entries a second of one core",
                    limit=20_000,
                    measured=found[many].lines / found[many].cpu_s,
                    unit="lines/s",
                    at_least=True,
                ),
                Target(what="a line", limit=6, measured=found[many].ratio, unit="json.loads of it"),
                Target(
                    what=f"more memory for {many:,} entries than for {few:,}",
                    limit=8,
                    measured=found[many].peak_mb - found[few].peak_mb,
                    unit="MB",
                    timed=False,
                ),
            ),
        )
    ]


def _alone(dsn: str, log: Path, count: int) -> Taken:
    # The peak is that of a process, and the trail is empty each time.
    for work, arguments in ((_fill, (dsn, log, count)), (_take, (dsn, log))):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            taken = pool.submit(work, *arguments).result()
    assert isinstance(taken, Taken)
    return taken


def _fill(dsn: str, log: Path, count: int) -> None:
    setup(dsn)
    from django.apps import apps
    from django.db import connection

    tables = ", ".join(model._meta.db_table for model in apps.get_app_config("xaccel_audit").get_models())
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables}")
    write_lines(log, count)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _take(dsn: str, log: Path) -> Taken:
    setup(dsn)
    loads: list[float] = []

    def parse() -> bool:
        lines = next(some)
        start = time.process_time()
        for line in lines:
            json.loads(line)
        loads.append(time.process_time() - start)
        return False

    some = _again(log)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    taken = take_in(log, stopped=parse)
    spent = sum(loads)
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s*([0-9]+) kB", status)
    assert found is not None
    return Taken(
        taken.lines,
        taken.cpu_s - spent,
        taken.postgres_s,
        taken.wall_s - spent,
        spent / len(loads) / _PARSED,
        int(found[1]) * 1024 / 1_000_000,
    )


def _again(log: Path) -> Iterator[list[str]]:
    """Some lines at a time, from the beginning again at the end."""
    while True:
        with log.open() as file:
            while len(lines := [line for _, line in zip(range(_PARSED), file, strict=False)]) == _PARSED:
                yield lines


QUESTION = Question(asks="how many log entries a second become rows of the audit trail", answer=answer)
