"""Quotas are exact and each upload is settled once, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.conftest import ROOT
from tests.servers.postgres import postgres_server
from tests.servers.started import started


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_quota_is_exact_and_each_upload_is_settled_once(tmp_path: Path, kind: str) -> None:
    if kind == "sqlite":
        found = run(str(tmp_path / "db.sqlite3"))
    else:
        with started(postgres_server(tmp_path), pytest.skip) as server:
            found = run(server.dsn)
    assert found == {"accepted": 10, "all": True, "calls": 1}


def run(database: str) -> object:
    command = [sys.executable, "-m", "tests.live.uploads.counting", database]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
