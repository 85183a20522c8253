"""`manage.py xaccel ingest`, as an operator runs it."""

from __future__ import annotations

import gzip
import shlex
import signal
import subprocess
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import IntegrityError, OperationalError, connection

from tests.audit.conftest import T0, Log, forbidden, ids, run, some, swept, wanted
from tests.audit.ingester import ROOT, command, environment, process
from tests.pages import FENCE, text
from xaccel.audit.ingest.ingest import Ingest
from xaccel.audit.ingest.run import Outage, follow, take
from xaccel.audit.models import Transfer
from xaccel.audit.settings import audit_settings
from xaccel.audit.signals import post_sweep
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_says_what_it_took(log: Log) -> None:
    line = log.line()
    log.write(line, line, b"no entry\n")
    assert (
        run("ingest", str(log.path))
        == "2 lines read, 1 of them stored before, 1 rejected, stored in the table xaccel_rejected_line\n"
    )
    assert run("ingest", str(log.path)) == "0 lines read\n"
    assert run("ingest", "--quiet", str(log.path)) == ""


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandError, match="there is no such file"):
        run("ingest", "/nowhere/xaccel.log")
    with pytest.raises(CommandError) as refused:
        run("ingest", "/nowhere/\x1b[31m\u202e.log")
    assert str(refused.value).isprintable()


def test_a_log_that_must_not_be_read_is_told(open_log: Log) -> None:
    before = some(open_log)
    open_log.write(*before)
    run("ingest", str(open_log.path), "--quiet")
    open_log.write(*some(open_log))
    with forbidden(open_log.path), pytest.raises(CommandError, match="this user may not read") as told:
        run("ingest", str(open_log.path), "--quiet")
    assert str(open_log.path) in str(told.value)
    assert ids() == wanted(*before)


def count() -> int:
    return Transfer.objects.filter(ended_at__isnull=False).count()


def test_older_files_are_ingested_by_hand_as_the_page_says(log: Log) -> None:
    first, second = log.line(), log.line()
    log.write(first, second)
    lines = log.path.read_bytes().splitlines(keepends=True)
    for number, content in ((2, [lines[1]]), (3, lines)):
        path = log.path.with_name(f"transfers.log.{number}.gz")
        path.write_bytes(gzip.compress(b"".join(content)))
    [script] = [
        code for _, code in FENCE.findall(text(ROOT / "docs/operate/several.md")) if "older.log" in code
    ]
    program = f"PYTHONPATH={shlex.quote(str(ROOT))} {shlex.join(command())}"
    done = subprocess.run(
        ["bash", "-ec", script.replace("python manage.py xaccel ingest", program)],
        cwd=log.path.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "3 lines read, 1 of them stored before\n"), done.stderr
    assert count() == 2


def test_follow_goes_on_through_a_rotation_until_it_is_stopped(log: Log) -> None:
    log.write(log.line())
    running = process("--follow", str(log.path), stderr=subprocess.PIPE)
    assert running.stderr is not None
    try:
        assert running.stderr.readline() == f"Up to date, waiting for new log entries: {log.path}\n".encode()
        assert count() == 1
        log.path.rename(log.path.with_name("xaccel.log.1"))
        log.write(log.line())
        assert wait_until(lambda: count() == 2, timeout_s=60)
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=60)
        assert running.returncode == 0
        assert output == b"2 lines read\n"
    finally:
        running.kill()
        running.wait()


def growing(log: Log, stopped: Callable[[], bool]) -> Any:
    """An ingest of a log to which a line is written whenever one was taken in."""

    def grow() -> bool:
        if ingest.counted["lines"] == len(log.path.read_bytes().splitlines()):
            log.write(log.line())
        return stopped()

    log.write(log.line())
    ingest = Ingest(log.path, audit_settings(), using="default", stopped=grow)
    return ingest


def test_a_log_that_grows_on_is_taken_in_as_far_as_it_was(log: Log, monkeypatch: Any) -> None:
    monkeypatch.setattr("xaccel.audit.ingest.ingest.BATCH", 1)
    ingest = growing(log, lambda: ingest.counted["lines"] > 50)
    take(ingest)
    assert ingest.counted["lines"] == 2


def test_a_log_that_is_never_quiet_does_not_keep_from_looking_at_time(log: Log, monkeypatch: Any) -> None:
    monkeypatch.setattr("xaccel.audit.ingest.run.EVERY_S", 0)
    moments: list[datetime] = []
    ingest = growing(log, lambda: len(moments) == 3 or ingest.counted["lines"] > 50)
    follow(Outage(ingest), tidy=moments.append, quiet=True)
    assert len(moments) == 3
    assert moments == sorted(moments)


def test_a_quiet_log_is_reported_once(log: Log, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("xaccel.audit.ingest.run.EVERY_S", 0)
    monkeypatch.setattr("xaccel.audit.ingest.run.POLL_S", 0)
    log.write(log.line())
    rounds: list[datetime] = []
    ingest = Ingest(log.path, audit_settings(), using="default", stopped=lambda: len(rounds) == 4)
    follow(Outage(ingest), tidy=rounds.append, quiet=False)
    assert capsys.readouterr().err == f"Up to date, waiting for new log entries: {log.path}\n"


@pytest.mark.parametrize("error", [ConnectionRefusedError, PermissionError, OperationalError, IntegrityError])
def test_a_receiver_that_fails_is_not_reported_as_an_outage(
    log: Log, monkeypatch: Any, caplog: Any, error: type[Exception]
) -> None:
    calls: list[object] = []

    def fail(**named: object) -> None:
        calls.append(named)
        raise error("of the app's own server")

    monkeypatch.setattr("xaccel.audit.ingest.run.EVERY_S", 0)
    ingest = growing(log, lambda: len(calls) >= 3)
    post_sweep.connect(fail)
    try:
        follow(
            Outage(ingest),
            tidy=swept,
            quiet=True,
        )
    finally:
        post_sweep.disconnect(fail)
    assert ingest.counted["lines"] >= 3
    assert "waits and tries again" not in caplog.text
    assert caplog.text.count("fail at 0x") == len(calls)


def test_a_receiver_may_be_the_first_to_notice_that_the_database_is_away() -> None:
    def lose(**_: object) -> None:
        connection.close()
        connection.settings_dict["NAME"] = "/no/such/database"
        connection.cursor()

    name = connection.settings_dict["NAME"]
    post_sweep.connect(lose)
    try:
        with pytest.raises(OperationalError):
            swept(T0)
    finally:
        post_sweep.disconnect(lose)
        connection.close()
        connection.settings_dict["NAME"] = name


def test_what_was_written_before_the_end_is_read(log: Log) -> None:
    ingest = growing(log, lambda: True)
    follow(Outage(ingest), tidy=lambda _: None, quiet=True)
    assert ingest.counted["lines"] == 2
