"""A part hangs: its connections are accepted, and nothing responds."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.clients import UnderWay, Users
from tests.faults.topology import Topology
from tests.faults.trail import mismatches
from xaccel_testing.servers.processes import wait_until


def test_a_hung_app_is_replaced_by_the_other(running: Topology, users: Users) -> None:
    under_way = [UnderWay(users, port).begin() for port in users.ports]
    with users.busy(), running.apps[0].hung():
        assert users.work_within(10)
        assert all(download.finish().is_whole for download in under_way)
    assert users.wrong == []
    assert {seen.status for seen in users.seen} == {200}
    assert mismatches(running, users.seen, decided_twice=True) == []


@pytest.mark.slow
def test_gunicorn_replaces_a_hung_worker(running: Topology, users: Users) -> None:
    [app, _] = running.apps
    worker = max(app.now.pids)
    os.kill(worker, signal.SIGSTOP)
    # `timeout_s` of the topology's apps, and the time in which gunicorn looks at its workers
    assert wait_until(lambda: worker not in app.now.pids, timeout_s=60)
    assert users.work_within(10)
    assert mismatches(running, users.seen, decided_twice=True) == []
