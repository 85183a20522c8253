"""An S3 node is cut off by the network: packets vanish, and nobody hears of it. Then it is back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

from tests.faults.clients import Users
from tests.faults.topology import Topology
from tests.faults.trail import mismatches
from tests.servers.s3_cluster import Network
from xaccel_testing.servers.processes import wait_until


@pytest.fixture
def network(running: Topology, unavailable: Callable[[str], NoReturn]) -> Network:
    if running.s3.network is None:
        unavailable("a network namespace needs root")
    return running.s3.network


@pytest.mark.slow
def test_a_node_cut_off_by_the_network_stops_no_user_for_long(
    running: Topology, users: Users, network: Network
) -> None:
    with users.busy(), network.cut():
        assert users.work_within(60)
    assert wait_until(running.s3.is_whole, timeout_s=60)
    assert wait_until(lambda: users.work(6), timeout_s=60)
    assert users.wrong == []
    assert {seen.status for seen in users.seen} <= {200, 502, 504}
    assert mismatches(running, users.seen) == []


@pytest.mark.slow
def test_a_node_that_flaps_sends_no_wrong_byte(running: Topology, users: Users, network: Network) -> None:
    with users.busy():
        for _ in range(5):
            count = len(users.seen)
            with network.cut():
                assert wait_until(lambda count=count: len(users.seen) > count, timeout_s=60)
            assert users.work_within(60)
    assert wait_until(running.s3.is_whole, timeout_s=60)
    assert wait_until(lambda: users.work(6), timeout_s=60)
    assert users.wrong == []
    assert mismatches(running, users.seen) == []
