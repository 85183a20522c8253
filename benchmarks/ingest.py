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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.audit_database import migrated, setup
from benchmarks.processes import cpu_seconds
from benchmarks.question import Cell, Question, Size, Table, Target, require

_LINES = {"full": (100_000, 1_000_000), "quick": (50_000, 200_000), "smoke": (10_000, 20_000)}
_PARSED = 500
_AT = datetime(2026, 11, 1, tzinfo=UTC)


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
    """Take in a short and a long log, with the decision in the line and with a row that waits for it."""
    rows: list[tuple[Cell, ...]] = []
    found: dict[tuple[str, int], Taken] = {}
    for how in ("line", "request"):
        for count in _LINES[size]:
            taken = found[how, count] = _alone(how, count)
            require(taken.lines == count, f"{taken.lines} of {count} lines were taken in")
            rows.append(
                (
                    f'RECORD = "{how}"',
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
                "how",
                "lines",
                "lines/s of its CPU",
                "lines/s by the clock",
                "its µs a line",
                "PostgreSQL's",
                "json.loads of a line",
                "peak MB",
            ),
            rows=tuple(rows),
            note="The process of ingest is bound to one processor and waits while PostgreSQL works: by the clock a line"
            " takes\nthe CPU time of both, and more where other programs run.",
            targets=(
                *(
                    Target(
                        what=f'lines a second of one core, RECORD = "{how}"',
                        limit=20_000,
                        measured=found[how, many].lines / found[how, many].cpu_s,
                        unit="lines/s",
                        at_least=True,
                    )
                    for how in ("line", "request")
                ),
                Target(what="a line", limit=6, measured=found["line", many].ratio, unit="json.loads of it"),
                Target(
                    what=f"more memory for {many:,} lines than for {few:,}",
                    limit=8,
                    measured=max(
                        found[how, many].peak_mb - found[how, few].peak_mb for how in ("line", "request")
                    ),
                    unit="MB",
                    timed=False,
                ),
            ),
        )
    ]


def _alone(how: str, count: int) -> Taken:
    # The peak is that of a process, and the database is empty each time.
    with TemporaryDirectory() as folder, migrated(Path(folder)) as dsn:
        log = Path(folder) / "xaccel.log"
        for work, arguments in ((_fill, (dsn, log, how, count)), (_take, (dsn, log))):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                taken = pool.submit(work, *arguments).result()  # type: ignore[arg-type]
        assert isinstance(taken, Taken)
        return taken


def _fill(dsn: str, log: Path, how: str, count: int) -> None:
    setup(dsn)
    from django.db import connection, transaction

    from xaccel.audit.models import Transfer
    from xaccel.audit.note import Decision, note_of
    from xaccel.audit.upsert import Row, insert
    from xaccel.transfer_id import new_transfer_id

    columns = tuple(column.attname for column in Transfer._meta.concrete_fields)
    rows: list[Row] = []
    with log.open("w") as file, transaction.atomic():
        for number in range(count):
            at = _AT + timedelta(milliseconds=40 * number)
            id_, key = new_transfer_id(at), f"files/{number % 50_000}/report.pdf"
            subject, client, name = str(number % 20_000), f"{number % 999:016x}", f"report {number}.pdf"
            decision = Decision(at, key, '"abc"', client, name, True, "")
            note = note_of(decision) if how == "line" else ""
            file.write(json.dumps({**_line(id_, subject, at), "note": note}, separators=(",", ":")) + "\n")
            if how == "request":
                row = Transfer(
                    id=id_,
                    outcome="granted",
                    decided_at=at.isoformat(),
                    origin="documents",
                    key=key,
                    version='"abc"',
                    subject=subject,
                    client=client,
                    method="GET",
                    filename=name,
                    as_attachment=True,
                    reason="",
                )
                rows.append(tuple(getattr(row, column) for column in columns))
            if len(rows) == 5000 or number == count - 1:
                insert("default", Transfer, columns, rows)
                rows = []
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _line(id_: str, subject: str, at: datetime) -> dict[str, object]:
    return {
        "v": 1,
        "id": id_,
        "origin": "documents",
        "subject": subject,
        "method": "GET",
        "protocol": "HTTP/1.1",
        "status": "200",
        "body_bytes": 123456,
        "sent_length": "123456",
        "completion": "OK",
        "range": "",
        "content_range": "",
        "etag": '"abc"',
        "framing": "length",
        "encoding": "",
        "size": "",
        "origin_status": "200",
        "origin_seconds": "0.012",
        "cache": "",
        "why": "",
        "end": at.timestamp() + 0.5,
        "seconds": 0.5,
        "ip": f"10.0.{int(subject) % 250}.1",
    }


def _take(dsn: str, log: Path) -> Taken:
    setup(dsn)
    from django.db import connection

    from xaccel.audit.conf import configuration
    from xaccel.audit.ingest import Ingest
    from xaccel.audit.models import Transfer

    loads: list[float] = []

    def parse(_: int) -> None:
        lines = next(some)
        start = time.process_time()
        for line in lines:
            json.loads(line)
        loads.append(time.process_time() - start)

    some = _again(log)
    ingest = Ingest(log, configuration(), using="default", seen=parse)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    connection.ensure_connection()
    server = connection.connection.info.backend_pid
    postgres = cpu_seconds([server])
    wall, cpu = time.perf_counter(), time.process_time()
    while ingest.once():
        pass
    spent = sum(loads)
    cpu, wall = time.process_time() - cpu - spent, time.perf_counter() - wall - spent
    postgres = cpu_seconds([server]) - postgres
    stored = Transfer.objects.filter(outcome="sent", download_id__isnull=False).count()
    require(stored == ingest.counted.lines, f"{stored} rows are complete")
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s*([0-9]+) kB", status)
    assert found is not None
    return Taken(
        ingest.counted.lines,
        cpu,
        postgres,
        wall,
        spent / len(loads) / _PARSED,
        int(found[1]) * 1024 / 1_000_000,
    )


def _again(log: Path) -> Iterator[list[str]]:
    """Some lines at a time, from the beginning again at the end."""
    while True:
        with log.open() as file:
            while len(lines := [line for _, line in zip(range(_PARSED), file, strict=False)]) == _PARSED:
                yield lines


QUESTION = Question(asks="how many log lines a second become rows of the audit trail", answer=answer)
