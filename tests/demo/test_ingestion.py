"""The demo's ingestion of the log."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

from portal.demo.check import Check
from portal.demo.servers import ingester
from portal.demo.stack import Stack


def test_ingestion_is_ready_when_the_log_is_in_the_database(stack: Stack, tmp_path: Path) -> None:
    check = Check(stack)
    alice = check.browser("alice")
    alice.sign_in(stack.identity.passwords["alice"])
    alice.get(check.file("C++ notes.txt").path)
    unknown = "018f0000-0000-7000-8000-00000000abcd"
    log = tmp_path / "xaccel.log"
    log.write_text(json.dumps({**stack.nginx.lines(1)[0], "id": unknown}) + "\n")
    with (
        ingester(tmp_path / "ingest", stack.manage, log),
        closing(sqlite3.connect(stack.folder / "portal" / "portal.sqlite3")) as database,
    ):
        rows = database.execute("SELECT 1 FROM xaccel_transfer WHERE id = ?", [UUID(unknown).hex])
        assert rows.fetchone() is not None
