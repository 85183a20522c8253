"""Django is set up here, for this folder alone; the database is what AUDIT_DATABASE_URL names, or SQLite."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django
import pytest
from hypothesis import strategies as st

from xaccel.handoff.identifiers import new_transfer_id

SETTINGS = "tests.audit.settings"
_before = os.environ.get("DJANGO_SETTINGS_MODULE")
# A pytest process has one Django: with the settings of other tests, these are left out.
collect_ignore_glob = [] if _before == SETTINGS else ["test_*.py"]
# What NGINX writes does not depend on the database: on PostgreSQL, one variant is enough for the rows to be seen.
_OF_NGINX = {"test_live.py", "test_live_connections.py", "test_live_missing.py"}
_ON_POSTGRES = "deb-njs"
_OF_OTHER_PROGRAMS = {
    "test_deploy.py",  # systemd and logrotate
    "test_outage.py",  # has databases of its own
    "test_reconcile_live.py",  # the log of SeaweedFS; test_reconcile has the rows
    "test_shipper.py",  # rsyslog
}
if not collect_ignore_glob:
    django.setup()

ODD_TEXT = st.lists(st.sampled_from("\0\ud800\udc80\udfff") | st.characters(), max_size=12).map("".join)
"""With NUL, which PostgreSQL does not store, and lone surrogates, which no database does.

`st.text` would draw each character as often as any other one: of these four, none in 50 texts.
"""
T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "once: the database of the run makes no difference; not on PostgreSQL")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if "tests/audit/" in str(item.path)]
    if os.environ.get("AUDIT_DATABASE_URL"):
        left_out = [item for item in ours if not _is_on_postgres(item)]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def _is_on_postgres(item: pytest.Item) -> bool:
    if item.path.name in _OF_OTHER_PROGRAMS:
        return False
    if item.path.name not in _OF_NGINX:
        return item.get_closest_marker("once") is None
    assert isinstance(item, pytest.Function)
    return item.callspec.params["variant"] == _ON_POSTGRES


@pytest.fixture(scope="session", autouse=True)
def _rows_are_deleted() -> Iterator[None]:
    """Empty the tables after a test by DELETE: PostgreSQL's TRUNCATE makes new files, and takes 50 ms of its time."""
    from django.db import connection

    def deleted(style: object, tables: list[str], **options: object) -> list[str]:
        return [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]

    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(type(connection.ops), "sql_flush", staticmethod(deleted))
        yield


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """No memory of another test."""
    from xaccel.audit.settings import audit_settings
    from xaccel.django.conf import configuration

    configuration.cache_clear()
    audit_settings.cache_clear()
    yield
    configuration.cache_clear()
    audit_settings.cache_clear()


class Log:
    """A log of lines as NGINX writes them; `line` makes one, `write` appends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def line(self, at: float = 0.0, **fields: Any) -> dict[str, Any]:
        """A whole download of 100 bytes that ended `at` seconds after T0, but for what `fields` say."""
        ended = T0 + timedelta(seconds=at)
        said = {
            "v": 1,
            "id": new_transfer_id(ended - timedelta(seconds=fields.get("seconds", 1.0))),
            "origin": "partner",
            "subject": "7",
            "method": "GET",
            "protocol": "HTTP/1.1",
            "status": "200",
            "body_bytes": 100,
            "sent_length": "100",
            "completion": "OK",
            "range": "",
            "content_range": "",
            "etag": '"v1"',
            "last_modified": "Sun, 01 Nov 2026 09:00:00 GMT",
            "framing": "length",
            "encoding": "",
            "size": "",
            "origin_status": "200",
            "origin_seconds": "0.010",
            "cache": "",
            "why": "",
            "note": "",
            "end": ended.timestamp(),
            "seconds": 1.0,
            "ip": "192.0.2.7",
        }
        return {**said, **fields}

    def part(self, first: int, end: int, total: int, at: float = 0.0, **fields: Any) -> dict[str, Any]:
        """A 206 of the bytes from `first` up to but without `end`, all of them sent unless `body_bytes` says less."""
        return self.line(
            at,
            **{
                "status": "206",
                "body_bytes": end - first,
                "sent_length": str(end - first),
                "range": f"bytes={first}-{end - 1}",
                "content_range": f"bytes {first}-{end - 1}/{total}",
                **fields,
            },
        )

    def write(self, *lines: dict[str, Any] | bytes) -> None:
        with self.path.open("ab") as file:
            for line in lines:
                file.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "xaccel.log")


@pytest.fixture
def open_log() -> Iterator[Log]:
    """A log in a folder that everybody may look into."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Log(Path(folder) / "xaccel.log")


@contextmanager
def forbidden(path: Path) -> Iterator[None]:
    """Nobody may read `path`; root, who may read everything, is somebody else meanwhile."""
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(0o600)


def decide(line: dict[str, Any], key: str = "report.pdf", **fields: Any) -> Any:
    """Store the app's half of the transfer of `line`."""
    row = decision(line, key, **fields)
    row.save(force_insert=True)
    return row


def decision(line: dict[str, Any], key: str, **fields: Any) -> Any:
    """Return the app's half of the transfer of `line`, not stored yet."""
    from xaccel.audit.models import Transfer

    at = datetime.fromtimestamp(line["end"] - line["seconds"], UTC)
    said = {
        "outcome": "granted",
        "decided_at": at,
        "origin": line["origin"],
        "key": key,
        "version": "",
        "subject": line["subject"],
        "client": "0123456789abcdef",
        "method": line["method"],
        "filename": key,
        "as_attachment": True,
        "reason": "",
    }
    return Transfer(id=line["id"], **{**said, **fields})


def take(log: Log, *lines: dict[str, Any] | bytes, **conf: Any) -> Any:
    """Write `lines`, take in all that is there, and return what was counted."""
    from dataclasses import replace

    from xaccel.audit.ingest.ingest import Ingest
    from xaccel.audit.ingest.run import take as take_all
    from xaccel.audit.settings import audit_settings

    if lines:
        log.write(*lines)
    ingest = Ingest(log.path, replace(audit_settings(), **conf), using="default")
    take_all(ingest)
    return ingest.counted


def run(*arguments: str) -> str:
    """Run `manage.py xaccel`, and return what it prints."""
    from django.core.management import call_command

    printed = StringIO()
    call_command("xaccel", *arguments, stdout=printed)
    return printed.getvalue()


def swept(now: datetime) -> int:
    """Sweep as `ingest` does from time to time; return how many rows became unknown."""
    from xaccel.audit.ingest.sweep import sweep
    from xaccel.audit.settings import audit_settings

    return sweep(audit_settings(), now=now, using="default")


def ingested(log: Log, *lines: dict[str, Any]) -> Any:
    """Store the decisions of `lines`, and take the lines in; return what was counted."""
    for line in lines:
        decide(line)
    return take(log, *lines)


def ids() -> set[str]:
    from xaccel.audit.models import Transfer

    return {str(id_) for id_ in Transfer.objects.filter(ended_at__isnull=False).values_list("id", flat=True)}


def some(log: Log, count: int = 3) -> list[dict[str, Any]]:
    return [log.line(at) for at in range(count)]


def wanted(*lines: dict[str, Any]) -> set[str]:
    return {line["id"] for line in lines}


def allowance(limit: int = 1, **fields: Any) -> Any:
    """Return a share link's allowance, stored."""
    from xaccel.audit.share_links.models import Allowance

    return Allowance.objects.create(limit=limit, **fields)


def used(of: Any) -> tuple[int, int]:
    """How many uses of an allowance are taken, and how many came back."""
    of.refresh_from_db()
    return of.used, of.given_back
