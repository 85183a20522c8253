"""The demo's check does not depend on when log entries are ingested."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from portal.demo.check import audit_trail, forgery, servers
from portal.demo.check.scene import Scene
from portal.demo.ingester import ingester
from portal.demo.probes import FORGED_ID
from portal.demo.stack import Stack
from xaccel.servers.processes import wait_until


def recorded(stack: Stack, transfer: str) -> bool:
    """Tell whether the audit trail has the transfer; an export takes a processor 0.8 s."""
    with closing(sqlite3.connect(stack.folder / "portal" / "portal.sqlite3")) as database:
        rows = database.execute("SELECT 1 FROM xaccel_transfer WHERE id = ?", [UUID(transfer).hex])
        return rows.fetchone() is not None


def test_ingestion_is_ready_when_the_log_is_in_the_database(stack: Stack, tmp_path: Path) -> None:
    scene = Scene(stack)
    scene.browser("alice").get(scene.file("C++ notes.txt").path)
    unknown = "018f0000-0000-7000-8000-00000000abcd"
    log = tmp_path / "xaccel.log"
    log.write_text(json.dumps({**stack.nginx.lines(1)[0], "id": unknown}) + "\n")
    with ingester(tmp_path / "ingest", stack.manage, log):
        assert recorded(stack, unknown)


def test_export_with_a_line_separator_in_a_name_is_read() -> None:
    row = {"filename": "U+2028 \u2028 U+2029 \u2029.txt", "decided_at": "2026-11-26T08:00:00+00:00"}
    manage = [sys.executable, "-X", "utf8", "-c", f"print({json.dumps(row, ensure_ascii=False)!r})"]
    assert audit_trail._rows(SimpleNamespace(stack=SimpleNamespace(manage=manage))) == [row]


def test_check_names_the_server_that_ended(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [answer.ok for answer in servers.ask(Scene(stack))] == [True]
    with ingester(tmp_path / "ingest", stack.manage, stack.line_log) as other:
        monkeypatch.setattr(stack, "ingest", other)
        other.signal(signal.SIGKILL)
        assert wait_until(lambda: other.exit_status is not None, timeout_s=10)
        [answer] = servers.ask(Scene(stack))
    log = tmp_path / "ingest" / "ingest.log"
    assert not answer.ok
    assert answer.seen == f"The ingestion of the log ended (killed by SIGKILL), its log is {log}"


def test_audit_trail_is_right_when_ingestion_is_late_and_other_files_lead_the_chart(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of the forged hand-offs appears right after the check has read the rows for the first time."""
    alice = Scene(stack).browser("alice")
    others = [file for file in stack.files if file.name != "C++ notes.txt" and file.size < 1_000_000]
    fetched = [file.name for file in others if all(alice.get(file.path).is_file for _ in range(4))]
    assert len(fetched) > 10
    read, reads = audit_trail._rows, 0

    def rows(scene: Scene) -> list[dict[str, object]]:
        nonlocal reads
        found, reads = read(scene), reads + 1
        if reads == 1:
            stack.ingest.signal(signal.SIGCONT)
            assert wait_until(lambda: recorded(stack, FORGED_ID), timeout_s=60)
        return found

    monkeypatch.setattr(audit_trail, "_rows", rows)
    scene = Scene(stack)
    stack.ingest.signal(signal.SIGSTOP)
    try:
        assert all(answer.ok for answer in forgery.ask(scene))
        [answer] = audit_trail.ask(scene)
    finally:
        stack.ingest.signal(signal.SIGCONT)
    assert answer.ok, answer.seen
