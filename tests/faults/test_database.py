"""PostgreSQL is down, restarted, failed over, slow and full: no transfer without a row."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.clients import UnderWay, Users
from tests.faults.topology import Topology
from tests.faults.trail import mismatches, rows
from xaccel_testing.servers.processes import wait_until

DOWN = b"Downloads are not available at the moment. Try again in a minute.\n"


def test_without_a_database_a_download_is_a_clear_503(running: Topology, users: Users) -> None:
    under_way = UnderWay(users, running.ports[0]).begin()
    with running.primary.killed():
        refused = [
            users.get(f"/{path}") for path in ("store/small.bin", "cached/small.bin", "denied/small.bin")
        ]
        assert [(seen.status, seen.body) for seen in refused] == [(503, DOWN)] * 3
        assert under_way.finish().is_whole
    assert users.work_within(10)
    assert mismatches(running, users.seen) == []
    assert [seen for seen in refused if seen.client in rows(running)] == []


def test_a_restart_of_the_database_loses_no_row(running: Topology, users: Users) -> None:
    with users.busy():
        for _ in range(2):
            running.primary.stop()
            assert wait_until(lambda: users.get("/store/small.bin").status == 503, timeout_s=60)
            running.primary.start()
            assert users.work_within(10)
    assert users.wrong == []
    assert {seen.status for seen in users.seen} == {200, 503}
    assert mismatches(running, users.seen) == []


def test_a_failover_loses_no_row(running: Topology, users: Users) -> None:
    under_way = UnderWay(users, running.ports[0]).begin()
    with users.busy():
        before = [seen for seen in users.seen if seen.status == 200]
        running.primary.kill()
        running.fail_over()
        assert users.work_within(10)
        assert under_way.finish().is_whole
        running.rejoin()
    stored = rows(running)
    assert [seen for seen in before if seen.client not in stored] == []
    assert users.wrong == []
    assert mismatches(running, users.seen) == []


def test_a_slow_database_delays_downloads_and_fails_none(running: Topology, users: Users) -> None:
    """A lock holds all writers for two seconds, which is less than NGINX waits for an app."""
    lock = "LOCK TABLE xaccel_transfer IN EXCLUSIVE MODE; SELECT pg_sleep(2)"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with users.busy(), ThreadPoolExecutor(1) as aside:
        held = aside.submit(running.query, lock)
        assert wait_until(lambda: running.query(waiting)[0][0] > 0, timeout_s=60)
        held.result()
    assert {seen.status for seen in users.seen} == {200}
    assert mismatches(running, users.seen) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_of_the_database_is_a_503_until_there_is_room(running: Topology, users: Users) -> None:
    filler = running.folder / running.primary.name / "filler"
    under_way = UnderWay(users, running.ports[0]).begin()
    try:
        fill(filler)
        # rows fit into the pages that the tables have, until these are full
        assert wait_until(lambda: users.get("/store/small.bin").status == 503, timeout_s=60)
        assert under_way.finish().is_whole
    finally:
        filler.unlink()
    assert users.work_within(30)
    assert {seen.status for seen in users.seen} == {200, 503}
    assert mismatches(running, users.seen) == []


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
