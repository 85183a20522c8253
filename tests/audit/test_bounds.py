"""At the edges: files and logs beyond 32 bits, more gaps than are remembered, the last moment of a time."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum

from tests.audit.conftest import T0, Log, decide, decision, ingested, run, swept, take
from xaccel.audit.log.log_file import digest
from xaccel.audit.models import Download, LogPosition, Transfer
from xaccel.audit.values import MOST_SPANS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("total", [2**31, 2**31 + 1, 2**32, 2**32 + 1, 5 * 2**40])
def test_each_count_of_a_large_file_is_right_to_the_byte(log: Log, total: int) -> None:
    middle = total - 2**31 + 1
    for at, (first, end) in enumerate([(0, middle), (middle, total), (0, total)]):
        line = log.part(first, end, total, at / 10)
        decide(line)
        take(log, line)  # each time the download is read from the database
    parts = [
        {"first": first, "sent": sent, "total": total, "body_bytes": sent}
        for first, sent in [(0, middle), (middle, total - middle), (0, total)]
    ]
    rows = Transfer.objects.order_by("ended_at")
    assert list(rows.values(*parts[0])) == parts
    counts = {"transfers": 3, "total": total, "sent_bytes": total, "given_bytes": 2 * total}
    made = {**counts, "spans": [[0, total]], "sent_complete": True}
    assert Download.objects.values(*made).get() == made
    assert rows.aggregate(sent=Sum("sent")) == {"sent": 2 * total}
    for what, expected in (("transfers", parts), ("downloads", [counts])):
        in_csv = list(csv.DictReader(io.StringIO(run("export", what, "--format", "csv"))))
        assert [{name: int(row[name]) for name in expected[0]} for row in in_csv] == expected
        in_json = [json.loads(text) for text in run("export", what, "--format", "jsonl").splitlines()]
        assert [{name: row[name] for name in expected[0]} for row in in_json] == expected


def test_a_log_beyond_32_bits_is_read_on(log: Log) -> None:
    for at in range(5):
        log.write(log.line(at))
    take(log)
    # what was read has no place on the disk
    os.truncate(log.path, 2**32)
    LogPosition.objects.update(offset=2**32, tail=digest(bytes(1024)), tail_length=1024)
    assert take(log, log.line(9))["lines"] == 1
    assert LogPosition.objects.get().offset == log.path.stat().st_size


def every_other(log: Log, count: int, offset: int) -> Any:
    """`count` parts of a byte, each with a gap of a byte behind it; return the download."""
    total = 2 * MOST_SPANS + 2
    lines = [log.part(2 * at + offset, 2 * at + offset + 1, total, at / 100) for at in range(count)]
    Transfer.objects.bulk_create(decision(line, "report.pdf") for line in lines)
    take(log, *lines)
    return Download.objects.get()


def test_as_many_gaps_as_are_remembered_close_to_the_whole_file(log: Log) -> None:
    found = every_other(log, MOST_SPANS, 0)
    assert (len(found.spans), found.sent_bytes) == (1000, 1000)
    found = every_other(log, MOST_SPANS, 1)
    assert (found.spans, found.sent_bytes, found.transfers) == ([[0, 2000]], 2000, 2000)


def test_of_more_gaps_than_are_remembered_less_is_told_and_never_more(log: Log) -> None:
    found = every_other(log, MOST_SPANS + 1, 0)
    assert (len(found.spans), found.sent_bytes, found.given_bytes) == (1000, 1000, 1001)
    assert found.spans[-1] == [1998, 1999]
    found = every_other(log, MOST_SPANS + 1, 1)
    # the byte that was left out is not known to have been sent
    assert found.spans == [[0, 2000], [2001, 2002]]
    assert (found.sent_bytes, found.given_bytes, found.sent_complete) == (2001, 2002, False)
    line = log.part(2000, 2001, 2002, 30)
    ingested(log, line)
    found.refresh_from_db()
    assert (found.spans, found.sent_complete) == ([[0, 2002]], True)


IDLE_S = 1800


@pytest.mark.parametrize(("beyond_s", "downloads"), [(-0.001, 1), (0, 1), (0.001, 2)])
def test_a_download_goes_on_until_the_idle_time_is_over(log: Log, beyond_s: float, downloads: int) -> None:
    # a line begins a second before it ends
    lines = [log.part(0, 50, 100), log.part(50, 100, 100, IDLE_S + 1 + beyond_s)]
    ingested(log, *lines)
    found = list(Download.objects.order_by("opened_at"))
    assert [download.sent_complete for download in found] == ([True] if downloads == 1 else [False, False])


@pytest.mark.parametrize(("beyond_us", "closed"), [(-1, 0), (0, 0), (1, 1)])
def test_a_download_is_closed_when_no_line_of_it_is_awaited(log: Log, beyond_us: int, closed: int) -> None:
    line = log.line()
    ingested(log, line)
    now = T0 + timedelta(days=1, seconds=IDLE_S, microseconds=beyond_us)
    assert swept(now) == 0
    assert Download.objects.get().closed_at == (T0 if closed else None)


@pytest.mark.parametrize(("beyond_us", "outcome"), [(-1, "granted"), (0, "granted"), (1, "unknown")])
def test_a_line_is_awaited_until_its_time_is_over(log: Log, beyond_us: int, outcome: str) -> None:
    row = decide(log.line())
    now = row.decided_at + timedelta(days=1, microseconds=beyond_us)
    assert swept(now) == int(outcome == "unknown")
    assert Transfer.objects.get().outcome == outcome
