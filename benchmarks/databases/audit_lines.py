"""A log as NGINX writes it, each line a download of its own, and taking it into the trail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import require

AT = datetime(2026, 11, 1, tzinfo=UTC)
"""When the first of the lines began: behind whatever `audit_rows` makes."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What taking in a log came to. cpu_s: of this process; postgres_s: of the one of PostgreSQL that serves it."""

    lines: int
    cpu_s: float
    postgres_s: float
    wall_s: float


def write_lines(log: Path, count: int, *, first: int = 0) -> None:
    """Write `count` lines; the decision of each is in a row that waits for it.

    Of logs whose numbers, from `first`, differ no line joins the download of another's.
    """
    from django.db import transaction

    from xaccel.audit.database import upsert_rows
    from xaccel.audit.models import Transfer
    from xaccel.handoff.identifiers import new_transfer_id

    rows: list[dict[str, object]] = []
    with log.open("w") as file, transaction.atomic():
        for number in range(first, first + count):
            at = AT + timedelta(milliseconds=40 * number)
            id_, key = new_transfer_id(at), f"files/{number % 50_000}/report.pdf"
            subject, client, name = str(number % 20_000), f"{number % 999:016x}", f"report {number}.pdf"
            file.write(json.dumps(_line(id_, subject, at), separators=(",", ":")) + "\n")
            rows.append(
                {
                    "id": id_,
                    "outcome": "granted",
                    "decided_at": at.isoformat(),
                    "origin": "documents",
                    "key": key,
                    "version": '"abc"',
                    "subject": subject,
                    "client": client,
                    "method": "GET",
                    "filename": name,
                    "as_attachment": True,
                    "reason": "",
                    "why": "",
                    "details": {},
                }
            )
            if len(rows) == 5000 or number == first + count - 1:
                upsert_rows(Transfer, [*rows[0]], [[*row.values()] for row in rows], using="default")
                rows = []


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
        "note": "",
        "ip": f"10.0.{int(subject) % 250}.1",
    }


def take_in(log: Path, *, stopped: Callable[[], bool] = lambda: False) -> TakenIn:
    """Take all of `log` in; `stopped` is called after each batch. Whatever else began after AT must be gone before."""
    from django.db import connection

    from xaccel.audit.ingest.ingest import Ingest
    from xaccel.audit.ingest.run import take
    from xaccel.audit.models import Transfer
    from xaccel.audit.settings import audit_settings

    ingest = Ingest(log, audit_settings(), using="default", stopped=stopped)
    connection.ensure_connection()
    server = connection.connection.info.backend_pid
    postgres = cpu_seconds([server])
    wall, cpu = time.perf_counter(), time.process_time()
    take(ingest)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    postgres = cpu_seconds([server]) - postgres
    complete = Transfer.objects.filter(decided_at__gte=AT, outcome="sent", download_id__isnull=False)
    stored = complete.count()
    require(stored == ingest.counted["lines"], f"{stored} rows are complete")
    return TakenIn(ingest.counted["lines"], cpu, postgres, wall)


def remove_lines(count: int) -> None:
    """Remove what was taken in. Raises WrongAnswer unless it was `count` transfers and as many downloads."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table, began in (("xaccel_transfer", "decided_at"), ("xaccel_download", "opened_at")):
            cursor.execute(f"DELETE FROM {table} WHERE {began} >= %s", [AT])
            require(cursor.rowcount == count, f"{cursor.rowcount} of {count} lines are in {table}")
            cursor.execute(f"VACUUM {table}")
