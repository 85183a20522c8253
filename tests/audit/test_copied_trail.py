"""A copy of the tables is verified without the database that it came from, as an auditor does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.audit.chain import _chained, filled  # noqa: F401
from tests.audit.ingester import ROOT, environment
from tests.servers.postgres import postgres_binaries

pytestmark = pytest.mark.django_db(transaction=True)

VERIFY = (
    "import sys, django; django.setup();"
    "from django.db import connection; connection.settings_dict['NAME'] = sys.argv[1];"
    "connection.cursor().execute(sys.argv[2]);"
    "from django.core.management import call_command; call_command('xaccel', 'verify')"
)


def verify(database: str, change: str = "SELECT 1") -> tuple[int, str]:
    """Change a database and verify it, in a process of its own; return the status and what was printed."""
    command = [sys.executable, "-c", VERIFY, database, change]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def copy_of(database: Any, folder: Path) -> str:
    """Copy the tables of the trail as the documentation says, and return the name of the new database."""
    if database.vendor == "sqlite":
        path = str(folder / "copy.sqlite3")
        database.cursor().execute("VACUUM INTO %s", [path])
        return path
    info = database.connection.info
    env = {**os.environ, "PGHOST": info.host, "PGUSER": info.user}
    programs, name = postgres_binaries(), f"{info.dbname}_copy"
    dump = [programs / "pg_dump", "--no-owner", "--table", "xaccel_*", info.dbname]
    text = subprocess.run(dump, env=env, check=True, capture_output=True).stdout
    subprocess.run([programs / "createdb", name], env=env, check=True)
    restore = [programs / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", name]
    subprocess.run(restore, env=env, check=True, input=text, capture_output=True)
    return name


def test_a_copy_of_the_tables_is_verified(filled: list[Any], tmp_path: Path) -> None:  # noqa: F811
    copy = copy_of(connection, tmp_path)
    status, said = verify(copy)
    assert (status, said.splitlines()[0]) == (0, "7 transfers are sealed, 0 deleted, 0 pseudonymised"), said
    status, said = verify(copy, "UPDATE xaccel_transfer SET sent = 1 WHERE outcome = 'sent'")
    assert status == 1
    assert "was changed or added" in said
