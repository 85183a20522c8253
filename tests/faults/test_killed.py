"""Each part is killed while users download: the surviving parts finish, and new downloads work."""

from __future__ import annotations

import pytest

from tests.faults.clients import UnderWay, Users, resumed
from tests.faults.topology import Topology
from tests.faults.trail import mismatches, rows
from xaccel_testing.servers.processes import wait_until

WITHIN_S = {"app": 10, "nginx": 10, "s3": 30}
"""Seconds after which new downloads work, as scripts/deploy promises them too."""


def test_a_killed_app_ends_no_download(running: Topology, users: Users) -> None:
    under_way = [UnderWay(users, port).begin() for port in users.ports]
    with users.busy(), running.apps[0].killed():
        assert users.work_within(WITHIN_S["app"])
        assert all(download.finish().is_whole for download in under_way)
    assert users.wrong == []
    # the killed app may have stored a decision whose response NGINX did not get
    assert mismatches(running, users.seen, decided_twice=True) == []


def test_a_killed_nginx_ends_only_its_own_downloads(running: Topology, users: Users) -> None:
    lost, kept = (UnderWay(users, port).begin() for port in running.ports)
    with users.busy(), running.nginx[0].killed():
        assert users.work_within(WITHIN_S["nginx"])
        assert kept.finish().is_whole
        cut = lost.finish()
        assert not cut.ended
        assert resumed(users, cut)
    assert users.wrong == []
    # entries of the killed NGINX are not written, so the rows of what it was sending stay `granted`
    ended = [seen for seen in users.seen if seen.ended]
    assert mismatches(running, ended) == []
    assert [row.outcome for row in rows(running)[cut.client]] == ["granted"]


@pytest.mark.parametrize("number", [0, 2])  # the last one is in a network of its own
def test_a_killed_s3_node_loses_no_object(running: Topology, users: Users, number: int) -> None:
    under_way = [UnderWay(users, port).begin() for port in users.ports * 2]
    with users.busy(), running.s3.nodes[number].killed():
        assert users.work_within(WITHIN_S["s3"])
        for download in under_way:
            seen = download.finish()
            assert seen.is_whole or wait_until(lambda cut=seen: resumed(users, cut), timeout_s=120)
    assert users.wrong == []
    assert mismatches(running, users.seen) == []


def test_a_killed_ingest_reads_on_where_it_was(running: Topology, users: Users) -> None:
    with users.busy(), running.ingest[0].killed():
        assert wait_until(lambda: len(users.seen) > 20, timeout_s=60)
    assert mismatches(running, users.seen) == []
