"""The clocks of the apps are 20 minutes off, by libfaketime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.faults.clients import Users
from tests.faults.own_nginx import own_nginx
from tests.faults.topology import Topology, app_of
from tests.faults.trail import mismatches

_REFUSED = b"The storage did not deliver the file.\n"


@pytest.fixture
def library(unavailable: Callable[[str], NoReturn]) -> Path:
    found = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        unavailable("libfaketime is not installed: run scripts/system")
    return found[0]


@contextmanager
def another_time(running: Topology, library: Path, folder: Path, minutes: int) -> Iterator[Users]:
    """Run an app whose clock is off, behind an NGINX whose clock is right; yields users of both."""
    fake = {"LD_PRELOAD": str(library), "FAKETIME": f"{minutes:+}m", "DONT_FAKE_MONOTONIC": "1"}
    with (
        app_of(running, folder / "app", **fake) as app,
        own_nginx(running, folder / "nginx", app=app.address) as nginx,
    ):
        yield Users([nginx.port])
        running.manage("xaccel", "ingest", str(nginx.log))


def test_an_app_20_minutes_behind_signs_what_the_storage_refuses(
    running: Topology, users: Users, library: Path, tmp_path: Path
) -> None:
    with another_time(running, library, tmp_path, -20) as own:
        refused = [own.get("/store/small.bin") for _ in range(4)]
    assert [(seen.status, seen.body) for seen in refused] == [(502, _REFUSED)] * 4
    assert mismatches(running, own.seen) == []
    behind = "SELECT DISTINCT why FROM xaccel_transfer WHERE ended_at - decided_at > interval '15 min'"
    assert running.query(behind) == [("origin_403",)]


def test_an_app_20_minutes_ahead_is_noticed_in_the_row_alone(
    running: Topology, users: Users, library: Path, tmp_path: Path
) -> None:
    """SeaweedFS accepts a signature of the future. The row has both clocks."""
    with another_time(running, library, tmp_path, 20) as own:
        assert own.get("/store/small.bin").is_whole
    assert mismatches(running, own.seen) == []
    ahead = "decided_at - ended_at BETWEEN interval '15 min' AND interval '25 min'"
    assert running.query(f"SELECT count(*) FROM xaccel_transfer WHERE {ahead}") == [(1,)]
