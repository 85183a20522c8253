"""`ingest --follow` waits for a database or a log that is away, says so once, and loses and doubles nothing."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from django.db import connection

from tests.audit.conftest import Log, some
from tests.audit.ingester import ROOT, environment
from tests.servers.postgres import postgres_server
from xaccel_testing import free_port
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


BEFORE = (
    "import sys, django; django.setup();"
    "from django.db import connections; from django.core.management import call_command"
)
INGEST = f"{BEFORE}; {{}}; call_command('xaccel', 'ingest', *sys.argv[1:])"
# SQLite waits for a lock so long before it gives up.
SHORT = "connections['default'].settings_dict.get('OPTIONS', {}).update(timeout=0.5)"
# root may read everything, and here must not
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


class Running:
    """An `ingest --follow` with a database of its own, and what it says. Without `url` it is SQLite."""

    def __init__(self, log: Log, errors: Path, *, url: str = "") -> None:
        self.port, self.errors, self.url = free_port(), errors, url
        self.file = errors.parent / "portal.sqlite3"
        self.env = {**environment(), "AUDIT_DATABASE_URL": url, "TMPDIR": str(self.file.parent)}
        if url:
            migrate = [sys.executable, "-c", f"{BEFORE}; call_command('migrate', '-v0')"]
            subprocess.run(migrate, cwd=ROOT, env=self.env, check=True)
        else:
            # the database of the test has its tables already, and no rows
            connection.cursor().execute("VACUUM INTO %s", [str(self.file)])
        before = "pass" if url else SHORT
        arguments = [sys.executable, "-c", INGEST.format(before), "--follow"]
        arguments += ["--metrics", f"127.0.0.1:{self.port}", str(log.path)]
        with errors.open("wb") as said:
            self.process = subprocess.Popen(
                [*UNPRIVILEGED, *arguments], cwd=ROOT, env=self.env, stdout=subprocess.DEVNULL, stderr=said
            )

    def gauge(self, name: str) -> float:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
                text = answer.read().decode()
        except OSError:
            return float("nan")
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else float("nan")

    def awaits(self, condition: Callable[[], bool]) -> bool:
        """Wait for `condition`; fails if the process ends meanwhile."""
        found = wait_until(lambda: condition() or self.process.poll() is not None, timeout_s=60, every_s=0.1)
        assert self.process.poll() is None, self.errors.read_text()
        return found

    def is_up_to_date(self) -> bool:
        names = ("waiting", "lag_seconds")
        return [self.gauge(f"xaccel_ingest_{name}") for name in names] == [0.0, 0.0]

    def is_waiting(self) -> bool:
        return self.gauge("xaccel_ingest_waiting") == 1.0

    def rows(self) -> int:
        database: Any = psycopg.connect(self.url) if self.url else sqlite3.connect(self.file)
        with closing(database):
            count: int = database.execute("SELECT count(*) FROM xaccel_transfer").fetchone()[0]
            return count


@contextmanager
def running(log: Log, errors: Path, **options: Any) -> Iterator[Running]:
    one = Running(log, errors, **options)
    try:
        assert one.awaits(one.is_up_to_date)
        yield one
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(60) == 0
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def survives(one: Running, log: Log, end_outage: Callable[[], object]) -> None:
    """Write while the database is away; all of it is stored once when it is back."""
    log.write(*some(log, 40))
    assert one.awaits(one.is_waiting)
    lag_s = one.gauge("xaccel_ingest_lag_seconds")
    assert lag_s > 0 or lag_s == -1  # the log cannot be read
    assert 0 < one.gauge("xaccel_ingest_last_success_timestamp_seconds") <= time.time()
    end_outage()
    log.write(*some(log, 2))
    assert one.awaits(one.is_up_to_date), one.errors.read_text()
    assert one.rows() == 45
    said = one.errors.read_text()
    assert said.count("waits and tries again") == 1
    assert said.count("continues after") == 1
    assert "Traceback" not in said


def test_postgresql_that_is_stopped_and_started(log: Log, tmp_path: Path) -> None:
    log.write(*some(log, 3))
    with (
        TemporaryDirectory(prefix="xaccel-pg-", dir="/tmp", ignore_cleanup_errors=True) as name,
        ExitStack() as again,
    ):
        folder = Path(name) / "server"  # both servers have its data and its socket
        Path(name).chmod(0o755)
        with ExitStack() as first:
            url = first.enter_context(postgres_server(folder)).dsn
            one = again.enter_context(running(log, tmp_path / "errors", url=url))
            first.close()
            survives(one, log, lambda: again.enter_context(postgres_server(folder)))
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait(60) == 0


def test_sqlite_that_is_locked(log: Log, tmp_path: Path) -> None:
    log.write(*some(log, 3))
    other = sqlite3.connect(tmp_path / "portal.sqlite3", isolation_level=None)
    with closing(other), running(log, tmp_path / "errors") as one:
        other.execute("BEGIN EXCLUSIVE")
        survives(one, log, lambda: other.execute("ROLLBACK"))


def test_a_new_log_that_must_not_be_read_yet(log: Log, tmp_path: Path) -> None:
    """Debian's logrotate has `create 0640 www-data adm`; a user outside of that group waits to be let in."""
    log.write(*some(log, 3))
    with running(log, tmp_path / "errors") as one:
        log.path.rename(log.path.with_name("xaccel.log.1"))
        log.path.touch(mode=0)
        survives(one, log, lambda: log.path.chmod(0o640))
        assert f"this user may not read {log.path}" in one.errors.read_text()
        assert "adm" in one.errors.read_text()
