"""PostgreSQL as xaccel.testing runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.servers.postgres import postgres_server
from tests.servers.started import started
from tests.testing.asking import gone

Unavailable = Callable[[str], NoReturn]


def test_answers_and_leaves_nothing(tmp_path: Path, unavailable: Unavailable) -> None:
    psycopg = pytest.importorskip("psycopg")
    with started(postgres_server(tmp_path), unavailable) as postgres:
        with psycopg.connect(postgres.dsn) as connection:
            assert connection.execute("select 6 * 7").fetchone() == (42,)
        home = Path(postgres.env["PGHOST"])
        pids = postgres.pids
        assert len(pids) > 3
    assert gone(pids)
    assert home == tmp_path or not home.exists()
