"""`ingest` is killed at random points while its log grows and is rotated: no line is lost, none counts twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import Log, take
from tests.audit.ingester import process
from xaccel.testing.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = (
    "ingest.BATCH = {batch}; command.POLL_S = 0.01; from django.conf import settings;"
    "settings.XACCEL_AUDIT = {{'DRAIN_S': 10}}; print('ready', flush=True)"
)


class Writer:
    """An NGINX of sorts: it appends whole or half lines to the file it has open, through both kinds of rotation."""

    def __init__(self, log: Log) -> None:
        self.log, self.ids, self.given, self.rotations = log, set[str](), 0, 0
        self._at, self._half = 0, b""
        self._file = log.path.open("ab", buffering=0)

    def close(self) -> None:
        self._file.close()

    def write(self, count: int, *, whole: bool = False) -> None:
        text = self._half + b"".join(self._line() for _ in range(count))
        cut = len(text) if whole else len(text) - random.randrange(300)
        self._file.write(text[:cut])
        self._half = text[cut:]

    def _line(self) -> bytes:
        from xaccel.audit.note import Decision, note_of

        self._at += 1
        line = self.log.line(self._at / 1000, body_bytes=random.randrange(101), subject=str(self._at % 97))
        decision = Decision(
            datetime.fromtimestamp(line["end"] - 1, UTC), f"{self._at % 11}.pdf", "", "c", "", True, ""
        )
        self.ids.add(line["id"])
        self.given += line["body_bytes"]
        return json.dumps({**line, "note": note_of(decision)}).encode() + b"\n"

    def rename_and_reopen(self) -> None:
        self.rotations += 1
        self.log.path.rename(self._beside())
        self.write(3, whole=True)
        self._file.close()
        self._file = self.log.path.open("ab", buffering=0)

    def copytruncate(self) -> None:
        # Nothing is written between the copy and the truncation: that window is logrotate's own.
        self.rotations += 1
        self.write(3, whole=True)
        shutil.copyfile(self.log.path, self._beside())
        os.truncate(self.log.path, 0)

    def rotate(self) -> None:
        random.choice([self.rename_and_reopen, self.copytruncate])()

    def _beside(self) -> Path:
        return self.log.path.with_name(f"{self.log.path.name}-{self.rotations:04}")


@pytest.fixture
def writer(log: Log) -> Iterator[Writer]:
    writer = Writer(log)
    yield writer
    writer.close()


def read() -> int:
    from django.db.models import Sum

    from xaccel.audit.models import LogPosition

    return LogPosition.objects.aggregate(lines=Sum("lines"))["lines"] or 0


def killed_once(writer: Writer, lines: int, *, batch: int, within_s: float) -> None:
    """Write `lines` and rotate while `ingest` runs, and kill it at some moment of that."""
    running = process("--follow", str(writer.log.path), before=BEFORE.format(batch=batch))
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        if random.random() < 0.7:  # on a slow machine the others are killed before they have begun
            before = read()
            writer.write(3, whole=True)
            assert wait_until(lambda: read() > before, timeout_s=60)
        end = time.monotonic() + random.uniform(0, within_s)
        writes = 10
        rotation = random.randrange(writes + 2)  # the last two: after it was killed, or not at all
        for number in range(writes):
            writer.write(lines // writes)
            if number == rotation:
                writer.rotate()
            if time.monotonic() >= end:
                running.kill()
            time.sleep(within_s / writes / 2)
        running.kill()
        if rotation == writes:
            running.wait()
            writer.rotate()
    finally:
        running.kill()
        running.wait()
        if running.stdout is not None:
            running.stdout.close()


def totals() -> dict[str, Any]:
    from django.db.models import Count, Sum

    from xaccel.audit.models import Download, Garbage, Transfer

    return {
        **Transfer.objects.filter(ended_at__isnull=False).aggregate(rows=Count("id"), given=Sum("sent")),
        **Download.objects.aggregate(in_downloads=Sum("transfers"), given_in_downloads=Sum("given_bytes")),
        "read": read(),
        "garbage": Garbage.objects.count(),
    }


@pytest.mark.parametrize(
    ("times", "lines", "batch", "within_s"),
    [(5, 4_000, 50, 0.4), pytest.param(50, 200_000, 500, 1.0, marks=pytest.mark.slow)],
)
def test_totals_equal_those_of_the_log(
    writer: Writer, times: int, lines: int, batch: int, within_s: float
) -> None:
    from xaccel.audit.models import Transfer

    writer.write(3, whole=True)
    take(writer.log)
    for _ in range(times):
        killed_once(writer, lines // times, batch=batch, within_s=within_s)
    writer.rename_and_reopen()
    writer.copytruncate()
    writer.write(3, whole=True)
    last = process(str(writer.log.path), before=BEFORE.format(batch=batch))
    said, _ = last.communicate(timeout=300)
    assert last.returncode == 0
    assert b"lost" not in said
    assert b"none" not in said
    count, given = len(writer.ids), writer.given
    assert count >= lines
    assert writer.rotations > 2
    assert totals() == {
        "rows": count,
        "given": given,
        "in_downloads": count,
        "given_in_downloads": given,
        "read": count,
        "garbage": 0,
    }
    stored = Transfer.objects.values_list("id", flat=True).iterator()
    assert {str(id_) for id_ in stored} == writer.ids
