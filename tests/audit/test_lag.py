"""How far ingestion is behind: the age of the oldest entry that is not ingested, and the doctor's check of it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from tests.audit.conftest import Log, forbidden, some, take
from xaccel.audit.ingest.ingest import Ingest
from xaccel.audit.ingest.sweep import watch
from xaccel.audit.log.lag import lag_s
from xaccel.audit.models import Transfer
from xaccel.audit.settings import audit_settings
from xaccel.site import read_mapping
from xaccel.tools.doctor.check import Finding, checks, examine
from xaccel.tools.doctor.running_site import RunningSite
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor looks for an `ingest` of its own working directory, where other tests run theirs at the same time."""
    monkeypatch.chdir(tmp_path)


def aged(log: Log, *ages_s: float) -> list[dict[str, Any]]:
    """Entries that ended so many seconds ago."""
    return [log.line(end=time.time() - age_s) for age_s in ages_s]


def found(log: Path) -> tuple[str, tuple[str, ...]]:
    return looked(log).status, looked(log).evidence


def looked(log: Path) -> Finding:
    site = read_mapping.read(
        {
            "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
            "ORIGINS": {"media": {"type": "local", "root": "/srv"}},
            "TRANSFER_LOG": str(log),
        }
    )
    check = next(each for each in checks() if each.id == "XA506")
    (result,) = examine([replace(check, needs=(), after=())], RunningSite(read_site=lambda: site))
    return result


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


def test_ingestion_that_is_behind_is_reported_until_it_has_caught_up(log: Log) -> None:
    log.write(*aged(log, 3 * HOUR))
    never_ingested = f"{log.path}: the oldest entry that is not ingested is 180 minutes old"
    assert found(log.path) == ("fail", (never_ingested,))
    take(log)
    assert found(log.path) == ("ok", ())
    log.write(*aged(log, 2 * HOUR, 1))
    assert "is 120 minutes old" in found(log.path)[1][0]
    take(log)
    assert found(log.path) == ("ok", ())


def test_entries_of_the_last_minutes_are_no_lag(log: Log) -> None:
    log.write(*aged(log, 120))
    assert found(log.path) == ("ok", ())


def test_a_log_that_was_rotated_and_not_read_since_is_reported(log: Log) -> None:
    take(log, *aged(log, 3 * HOUR))
    log.path.rename(f"{log.path}.1")
    log.write(*aged(log, 2 * HOUR))
    assert "is 120 minutes old" in found(log.path)[1][0]
    take(log)
    assert found(log.path) == ("ok", ())


def test_what_cannot_be_looked_at_is_not_known(open_log: Log) -> None:
    open_log.write(*some(open_log))
    assert found(open_log.path)[0] == "fail"
    with forbidden(open_log.path):
        assert found(open_log.path)[0] == "unknown"
    assert found(open_log.path.with_name("elsewhere.log"))[0] == "skipped"


def remedy(log: Path) -> str:
    return looked(log).remedy


def test_a_database_without_the_tables_is_not_known_and_needs_migrate(log: Log) -> None:
    log.write(*aged(log, HOUR))
    call_command("migrate", "xaccel_audit", "zero", verbosity=0)
    try:
        assert found(log.path)[0] == "unknown"
        assert "manage.py migrate" in remedy(log.path)
    finally:
        call_command("migrate", verbosity=0)


@pytest.mark.once
def test_a_database_that_is_locked_is_not_known(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(*aged(log, HOUR))
    connection.close()
    options = {**connection.settings_dict.get("OPTIONS", {}), "timeout": 0.05}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    with closing(sqlite3.connect(str(connection.settings_dict["NAME"]))) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert found(log.path) == ("unknown", ("database is locked",))
        assert "keeps the file of SQLite locked" in remedy(log.path)


@pytest.mark.once
def test_a_database_that_does_not_respond_is_not_known(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(*aged(log, HOUR))
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", str(log.path.with_name("none") / "db"))
    assert found(log.path)[0] == "unknown"
    assert "start it, and compare its address" in remedy(log.path)


@contextmanager
def ingesting(user: str) -> Iterator[None]:
    """Run a process that looks like `manage.py xaccel ingest`."""
    words = ["sh", "-c", "read end", "xaccel", "ingest"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, user=user) as process:
        try:
            path = Path(f"/proc/{process.pid}/cmdline")
            assert wait_until(lambda: b"ingest" in path.read_bytes(), timeout_s=60)
            yield
        finally:
            process.communicate()


def test_the_user_of_ingest_is_named_if_the_log_is_not_readable(open_log: Log) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user's process needs root")
    open_log.write(*aged(open_log, HOUR))
    assert "runs `ingest`" not in found(open_log.path)[1][0]
    for mode, seen, words in (
        (0o644, "of the user nobody runs `ingest`", "Check the messages of this process"),
        (0o600, "and may not read it", "Make nobody a member of the log's group"),
    ):
        open_log.path.chmod(mode)
        with ingesting("nobody"):
            assert found(open_log.path)[1][0].endswith(seen)
            assert words in remedy(open_log.path)


def test_transfers_without_an_entry_are_counted_by_their_age(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Only transfers that were handed off say how many entries are to be expected."""
    now = datetime.now(UTC)
    counts = {
        ("granted", 2, ""): 5,
        ("granted", 10, ""): 30,
        ("granted", 30, ""): 7,
        ("granted", 90, ""): 3,
        ("sent", 10, ""): 10,
        ("refused", 10, "a reason of the app"): 40,
    }
    Transfer.objects.bulk_create(
        Transfer(
            id=uuid4(),
            outcome=outcome,
            as_attachment=False,
            decided_at=now - timedelta(minutes=minutes),
            reason=reason,
        )
        for (outcome, minutes, reason), count in counts.items()
        for _ in range(count)
    )
    assert watch(tmp_path, now=now, using="default")[1] == {"5m": 40, "1h": 3}
    assert "30 of the transfers that were decided between 15 and 5 minutes ago" in caplog.text


def test_the_lag_of_a_log_that_was_read_to_its_end_is_none(log: Log) -> None:
    log.write(*aged(log, 3 * HOUR, 2 * HOUR))
    ingest = Ingest(log.path, audit_settings(), using="default")
    ingest.ingest_available()
    assert ingest.lag_s() == 0
    log.path.unlink()
    assert ingest.lag_s() == -1
