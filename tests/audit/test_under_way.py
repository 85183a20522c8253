"""Transfers that are under way during `ingest` belong to their download, whenever `ingest` runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audit.conftest import T0, Log, decide, take
from xaccel.audit.chain.verify import Verification
from xaccel.audit.ingest.sweep import sweep
from xaccel.audit.models import Download, Transfer
from xaccel.audit.retention import prune
from xaccel.audit.settings import audit_settings
from xaccel.audit.signals import download_completed

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600.0


def ingest_at(log: Log, at: float, *lines: dict[str, Any], chain: bool = False) -> None:
    """Take `lines` in `at` seconds after T0, and sweep, as `ingest --follow` does."""
    take(log, *lines, chain=chain)
    sweep(replace(audit_settings(), chain=chain), now=T0 + timedelta(seconds=at), using="default")


@contextmanager
def telling() -> Iterator[list[Any]]:
    """The ids of which `download_completed` tells."""
    told: list[Any] = []

    def tell(sender: Any, *, download: Any, **_: Any) -> None:
        told.append(download.pk)

    download_completed.connect(tell)
    try:
        yield told
    finally:
        download_completed.disconnect(tell)


def downloads(subject: str = "7") -> list[Any]:
    return list(Download.objects.filter(subject=subject).order_by("opened_at", "id"))


def test_a_part_that_takes_longer_than_the_idle_time_stays_in_its_download(log: Log) -> None:
    first, rest = log.part(0, 50, 100), log.part(50, 100, 100, 3 * HOUR, seconds=3 * HOUR - 10)
    decide(first)
    decide(rest)
    with telling() as told:
        ingest_at(log, 60, first)
        ingest_at(log, 2 * HOUR)
        ingest_at(log, 3 * HOUR, rest)
    (found,) = downloads()
    assert (found.transfers, found.sent_complete) == (2, True)
    assert told == [found.pk]


def test_a_log_that_lags_for_less_than_a_line_is_awaited_makes_the_same_download(log: Log) -> None:
    behind = Log(log.path.with_name("other.log"))
    one, other = log.part(0, 50, 100, 0), log.part(50, 100, 100, 60)
    decide(one)
    decide(other)
    ingest_at(log, 20 * HOUR, one)
    ingest_at(behind, 20 * HOUR, other)
    (found,) = downloads()
    assert (found.transfers, found.sent_complete) == (2, True)


def test_what_was_sent_beside_a_long_part_is_one_download_with_it(log: Log) -> None:
    one = log.part(0, 30, 100, 60)
    other = log.part(30, 60, 100, HOUR)
    long = log.part(60, 100, 100, 2 * HOUR, seconds=2 * HOUR)
    for line in (one, other, long):
        decide(line)
    ingest_at(log, 60, one, chain=True)
    ingest_at(log, HOUR, other, chain=True)
    assert [found.transfers for found in downloads()] == [1, 1]
    with telling() as told:
        ingest_at(log, 2 * HOUR, long, chain=True)
    (found,) = downloads()
    assert (found.transfers, found.given_bytes, found.spans, found.sent_complete) == (
        3,
        100,
        [[0, 100]],
        True,
    )
    assert set(Transfer.objects.values_list("download", flat=True)) == {found.pk}
    assert told == [found.pk]
    assert Verification("default").problems == []


def test_a_download_that_was_told_as_complete_keeps_its_id_and_is_not_told_again(log: Log) -> None:
    one, whole = log.part(0, 30, 100, 60), log.line(HOUR)
    long = log.part(60, 100, 100, 2 * HOUR, seconds=2 * HOUR)
    for line in (one, whole, long):
        decide(line)
    with telling() as told:
        ingest_at(log, 60, one)
        ingest_at(log, HOUR, whole)
        ingest_at(log, 2 * HOUR, long)
    (found,) = downloads()
    assert (found.transfers, found.completed_at) == (3, T0 + timedelta(seconds=HOUR))
    assert told == [found.pk]


def test_a_download_of_which_prune_deleted_a_part_is_joined(log: Log) -> None:
    first, one, whole = log.part(0, 10, 100, 30), log.part(0, 30, 100, 60), log.line(HOUR)
    long = log.part(60, 100, 100, 2 * HOUR, seconds=2 * HOUR - 50)
    for line in (first, one, whole, long):
        decide(line)
    ingest_at(log, 60, first, one, chain=True)
    ingest_at(log, HOUR, whole, chain=True)
    prune(T0 + timedelta(seconds=45), using="default")
    ingest_at(log, 2 * HOUR, long, chain=True)
    (found,) = downloads()
    assert (found.transfers, found.pruned) == (4, 1)
    assert Verification("default").problems == []


def test_what_was_sent_again_meanwhile_stays_a_download_of_its_own(log: Log) -> None:
    whole, again = log.line(60), log.line(HOUR)
    long = log.part(60, 100, 100, 2 * HOUR, seconds=2 * HOUR)
    for line in (whole, again, long):
        decide(line)
    ingest_at(log, 60, whole)
    ingest_at(log, HOUR, again)
    ingest_at(log, 2 * HOUR, long)
    assert [(found.transfers, found.sent_complete) for found in downloads()] == [(2, True), (1, True)]


part = st.tuples(
    st.integers(0, 3), st.integers(1, 4), st.integers(0, 200), st.integers(1, 150), st.booleans()
)
numbers = count()


@settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(parts=st.lists(part, min_size=1, max_size=6))
def test_one_run_and_many_with_sweeps_between_make_the_same_downloads(
    tmp_path: Path, parts: list[tuple[int, int, int, int, bool]]
) -> None:
    number = next(numbers)
    made = []
    for first, length, start, minutes, stop in parts:
        first *= 25
        end = min(first + 25 * length, 100)
        made.append((60.0 * (start + minutes), {"first": first, "end": end, "seconds": 60.0 * minutes}, stop))
    made.sort(key=lambda one: one[0])
    shown = []
    for way in ("one", "many"):
        subject = f"{number} {way}"
        log = Log(tmp_path / subject)
        for at, said, stop in made:
            line = log.part(
                int(said["first"]), int(said["end"]), 100, at, seconds=said["seconds"], subject=subject
            )
            decide(line)
            if way == "many" and stop:
                ingest_at(log, at, line)
            else:
                log.write(line)
        ingest_at(log, made[-1][0])
        shown.append(
            [
                (row.opened_at, row.last_at, row.transfers, row.spans, row.given_bytes, row.sent_complete)
                for row in downloads(subject)
            ]
        )
    assert shown[0] == shown[1]
