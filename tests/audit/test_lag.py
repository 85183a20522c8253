"""How far ingestion is behind: the age of the oldest entry that is not ingested, and the check that reports it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command

from tests.audit.conftest import Log, forbidden, some, take
from xaccel.audit.lag import lag_s

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600.0


def aged(log: Log, *ages_s: float) -> list[dict[str, Any]]:
    """Entries that ended so many seconds ago."""
    return [log.line(end=time.time() - age_s) for age_s in ages_s]


@pytest.fixture
def site_log(log: Log, settings: Any) -> Log:
    settings.XACCEL = {**settings.XACCEL, "TRANSFER_LOG": str(log.path)}
    return log


def found() -> list[str]:
    return [message.msg for message in run_checks(tags=["xaccel"], include_deployment_checks=True)]


def test_the_lag_is_the_age_of_the_oldest_entry_that_is_not_read(log: Log) -> None:
    log.write(*aged(log, HOUR, 60))
    first = log.path.read_bytes().index(b"\n") + 1
    assert lag_s(log.path, 0) == pytest.approx(HOUR, abs=30)
    assert lag_s(log.path, first) == pytest.approx(60, abs=30)
    assert lag_s(log.path, log.path.stat().st_size) == 0


def test_a_log_that_was_rotated_or_cut_is_not_read_at_all(log: Log) -> None:
    log.write(*aged(log, 60))
    assert lag_s(log.path, 10**9) == pytest.approx(60, abs=30)


@pytest.mark.parametrize("text", [b'{"id": "a half', b""])
def test_a_half_written_entry_is_no_lag(log: Log, text: bytes) -> None:
    log.write(text)
    assert lag_s(log.path, 0) == 0


@pytest.mark.parametrize("text", [b"no entry\n", b'{"v": 1}\n', b'{"end": "x"}\n', b"\xff\xff\n"])
def test_what_is_no_entry_is_as_old_as_the_file(log: Log, text: bytes) -> None:
    log.write(text)
    os.utime(log.path, (time.time() - HOUR, time.time() - HOUR))
    assert lag_s(log.path, 0) == pytest.approx(HOUR, abs=30)


def test_ingestion_that_is_behind_is_reported_until_it_has_caught_up(site_log: Log) -> None:
    site_log.write(*aged(site_log, 3 * HOUR))
    [never_ingested] = found()
    assert never_ingested == f"{site_log.path}: the oldest entry that is not ingested is 180 minutes old."
    take(site_log)
    assert found() == []
    site_log.write(*aged(site_log, 2 * HOUR, 1))
    [behind] = found()
    assert "is 120 minutes old" in behind
    take(site_log)
    assert found() == []


def test_entries_of_the_last_minutes_are_no_lag(site_log: Log) -> None:
    site_log.write(*aged(site_log, 120))
    assert found() == []


def test_a_log_that_was_rotated_and_not_read_since_is_reported(site_log: Log) -> None:
    site_log.write(*aged(site_log, 3 * HOUR))
    take(site_log)
    site_log.path.rename(f"{site_log.path}.1")
    site_log.write(*aged(site_log, 2 * HOUR))
    [behind] = found()
    assert "is 120 minutes old" in behind
    take(site_log)
    assert found() == []


def test_what_cannot_be_looked_at_is_not_reported(open_log: Log, settings: Any, tmp_path: Path) -> None:
    open_log.write(*some(open_log))
    given = settings.XACCEL
    settings.XACCEL = {**given, "TRANSFER_LOG": str(open_log.path)}
    assert len(found()) == 1
    with forbidden(open_log.path):
        assert found() == []
    settings.XACCEL = {**given, "TRANSFER_LOG": str(tmp_path / "elsewhere.log")}
    assert found() == []


def test_a_database_without_the_tables_is_not_reported_here(site_log: Log) -> None:
    site_log.write(*aged(site_log, HOUR))
    call_command("migrate", "xaccel_audit", "zero", verbosity=0)
    try:
        assert found() == []
    finally:
        call_command("migrate", "xaccel_audit", verbosity=0)


def test_the_check_is_silent_without_deploy(site_log: Log) -> None:
    site_log.write(*aged(site_log, HOUR))
    assert run_checks(tags=["xaccel"]) == []
