"""`ingest` is killed at random points while its log grows and is rotated: no line is lost, none counts twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from django.db.models import Count, Sum

from tests.audit.conftest import Log, decision, ids, take
from tests.audit.ingester import process
from xaccel.audit.models import Download, LogPosition, RejectedLine, Transfer
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

# Django's start has read the settings already.
BEFORE = (
    "ingest.BATCH = {batch}; command.POLL_S = 0.01; from django.conf import settings;"
    "settings.XACCEL_AUDIT = {{'DRAIN_S': {drain_s}}}; command.audit_settings.cache_clear()"
)
TELLING = (
    "; from tests.audit.ingester import telling; ingest.Ingest._take = telling(ingest.Ingest._take);"
    "print('ready', flush=True)"
)


class Writer:
    """An NGINX of sorts: it appends whole or half lines to the file it has open, through both kinds of rotation.

    What the app decided is in a row before.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self.ids, self.given, self.rotations = set[str](), 0, 0
        self._at, self._half = 0, b""
        self._file = log.path.open("ab", buffering=0)

    def close(self) -> None:
        self._file.close()

    def write(self, count: int, *, whole: bool = False) -> None:
        lines = [self._line() for _ in range(count)]
        Transfer.objects.bulk_create(decision(line, self._key(), client="c") for line in lines)
        text = self._half + b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        cut = len(text) if whole else len(text) - random.randrange(300)
        self._file.write(text[:cut])
        self._half = text[cut:]

    def _line(self) -> dict[str, Any]:
        self._at += 1
        line = self.log.line(self._at / 1000, body_bytes=random.randrange(101), subject=str(self._at % 97))
        self.ids.add(line["id"])
        self.given += line["body_bytes"]
        return line

    def _key(self) -> str:
        return f"{random.randrange(11)}.pdf"

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
def writer(log: Log, request: pytest.FixtureRequest) -> Iterator[Writer]:
    seed = request.config.getoption("randomly_seed", default=None)  # None with `-p no:randomly`
    print(f"to repeat this run: --randomly-seed={seed}")
    writer = Writer(log)
    yield writer
    writer.close()


def killed_once(writer: Writer, lines: int, *, batch: int, within_s: float, aimed: bool) -> bool:
    """Write `lines` and rotate while `ingest` runs, and kill it: `aimed` when a batch has begun, else at some moment.

    Return whether that was in the middle of a batch.
    """
    before = BEFORE.format(batch=batch, drain_s=10) + TELLING
    running = process("--follow", str(writer.log.path), before=before)
    assert running.stdout is not None
    said = b""
    try:
        assert running.stdout.readline() == b"ready\n"
        if aimed or random.random() < 0.4:  # on a slow machine the others are killed before they have begun
            done = len(ids())
            writer.write(3, whole=True)
            assert wait_until(lambda: len(ids()) > done, timeout_s=60)
        end = time.monotonic() + random.uniform(0, within_s)
        writes = 10
        rotation = random.randrange(writes + 2)  # the last two: after it was killed, or not at all
        for number in range(writes):
            writer.write(lines // writes)
            if number == rotation:
                writer.rotate()
            if time.monotonic() >= end or number == writes - 1:
                if aimed and not said:
                    said = until_a_batch_begins(running.stdout, writer, batch)
                running.kill()
            time.sleep(within_s / writes / 2)
        running.wait()
        if rotation == writes:
            writer.rotate()
        return (said + running.stdout.read()).endswith(b"+")
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def until_a_batch_begins(told: IO[bytes], writer: Writer, batch: int) -> bytes:
    """Give it lines until it is seen to begin; return what it told last."""
    os.set_blocking(told.fileno(), False)
    last = b"-"

    def begun() -> bool:
        nonlocal last
        last = told.read() or last
        if last.endswith(b"-"):
            writer.write(batch, whole=True)
            last = b""
        return last.endswith(b"+")

    assert wait_until(begun, timeout_s=60, every_s=0.0005)
    os.set_blocking(told.fileno(), True)
    return last


def totals() -> dict[str, Any]:
    return {
        **Transfer.objects.filter(ended_at__isnull=False).aggregate(rows=Count("id"), given=Sum("sent")),
        **Download.objects.aggregate(in_downloads=Sum("transfers"), given_in_downloads=Sum("given_bytes")),
        "rejected": RejectedLine.objects.count(),
    }


@pytest.mark.parametrize(
    ("times", "lines", "batch", "within_s"),
    [(4, 3_000, 50, 0.4), pytest.param(50, 200_000, 500, 1.0, marks=pytest.mark.slow)],
)
def test_totals_equal_those_of_the_log(
    writer: Writer, times: int, lines: int, batch: int, within_s: float
) -> None:
    writer.write(3, whole=True)
    take(writer.log)
    in_a_batch = [
        killed_once(writer, lines // times, batch=batch, within_s=within_s, aimed=number % 2 == 0)
        for number in range(times)
    ]
    print(f"{sum(in_a_batch)} of {times} kills met a batch")

    def one_more() -> bool:
        """On a busy machine a batch can end before the signal comes."""
        return killed_once(writer, lines // times, batch=batch, within_s=within_s, aimed=True)

    assert any(in_a_batch) or wait_until(one_more, timeout_s=120)
    writer.rename_and_reopen()
    writer.copytruncate()
    writer.write(3, whole=True)
    last = process(str(writer.log.path), before=BEFORE.format(batch=batch, drain_s=0.001))
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
        "rejected": 0,
    }
    stored = Transfer.objects.values_list("id", flat=True).iterator()
    assert {str(id_) for id_ in stored} == writer.ids
    # all but the one that is written to are done with
    assert LogPosition.objects.filter(finished=True).count() == writer.rotations
    assert (
        not LogPosition.objects.filter(finished=False).exclude(offset=writer.log.path.stat().st_size).exists()
    )
