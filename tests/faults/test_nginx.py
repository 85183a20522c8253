"""NGINX is upgraded in place, has no file descriptor left, and has thousands of idle and slow clients."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.faults.clients import UnderWay, Users
from tests.faults.own_nginx import OwnNginx, own_nginx
from tests.faults.topology import Topology
from tests.faults.trail import mismatches
from xaccel_testing.servers.processes import alive, wait_until


@contextmanager
def connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open connections that say nothing."""
    with ExitStack() as opened:
        found = []
        for _ in range(count):
            found.append(opened.enter_context(socket.socket()))
            found[-1].connect(("127.0.0.1", port))
        yield found


def memory_of(nginx: OwnNginx) -> int:
    return sum(int(psutil.Process(pid).memory_info().rss) for pid in nginx.pids)


def test_an_upgrade_in_place_ends_no_download(running: Topology, users: Users, tmp_path: Path) -> None:
    with own_nginx(running, tmp_path) as nginx:
        own = Users([nginx.port])
        under_way, old = UnderWay(own, nginx.port).begin(), nginx.pids
        with own.busy():
            nginx.upgrade()
            assert wait_until(lambda: len(own.seen) > 40, timeout_s=60)
        assert not {*old} & {*nginx.pids}
        assert under_way.finish().is_whole
        assert wait_until(lambda: not any(map(alive, old)), timeout_s=60)
        running.manage("xaccel", "ingest", str(nginx.log))
    assert all(seen.is_whole for seen in own.seen)
    assert mismatches(running, own.seen) == []


def test_out_of_file_descriptors_no_download_under_way_is_cut(
    running: Topology, users: Users, tmp_path: Path
) -> None:
    few = {
        "worker_rlimit_nofile 20000;": "worker_rlimit_nofile 60;",
        "worker_processes 2;": "worker_processes 1;",
    }
    with own_nginx(running, tmp_path, few) as nginx:
        own = Users([nginx.port])
        under_way = UnderWay(own, nginx.port).begin()
        with connections(nginx.port, 200):
            assert wait_until(lambda: "Too many open files" in nginx.errors, timeout_s=60)
            assert under_way.finish().is_whole
        assert own.work_within(10)
        running.manage("xaccel", "ingest", str(nginx.log))
    assert mismatches(running, own.seen) == []


@pytest.mark.usefixtures("usual_malloc")
@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_idle_connections_stop_no_download(
    running: Topology, users: Users, tmp_path: Path, count: int, record_property: pytest.RecordProperty
) -> None:
    many = {"worker_connections 4096;": f"worker_connections {count + 1_000};"}
    with own_nginx(running, tmp_path, many) as nginx:
        own = Users([nginx.port])
        assert own.works()
        before = memory_of(nginx)
        with connections(nginx.port, count) as idle:
            assert all(own.get(f"/store/{key}").is_whole for key in ("small.bin", "medium.bin", "large.bin"))
            per_connection = (memory_of(nginx) - before) / count
            print(f"{count} idle connections: {per_connection:.0f} bytes of memory each")
            assert per_connection < 10_000
            # NGINX has closed none of them yet: client_header_timeout is a minute
            idle[0].setblocking(False)
            with pytest.raises(BlockingIOError):
                idle[0].recv(1)
        running.manage("xaccel", "ingest", str(nginx.log))
    assert mismatches(running, own.seen) == []


def test_slowloris_stops_no_download(running: Topology, users: Users, tmp_path: Path) -> None:
    """500 clients send a byte of a header each second. NGINX closes them after `client_header_timeout`."""
    timeout = {"server_tokens off;": "server_tokens off;\n    client_header_timeout 4s;"}
    with own_nginx(running, tmp_path, timeout) as nginx:
        own = Users([nginx.port])
        with connections(nginx.port, 500) as slow:
            for one in slow:
                one.sendall(b"GET /store/small.bin HTTP/1.1\r\nHost: x\r\n")

            def all_closed() -> bool:
                assert own.works()
                return drip(slow) == 0

            assert wait_until(all_closed, timeout_s=60, every_s=1)
        running.manage("xaccel", "ingest", str(nginx.log))
    assert all(seen.is_whole for seen in own.seen)
    assert mismatches(running, own.seen) == []


def drip(connections: list[socket.socket]) -> int:
    """Send one more byte on each connection, and return how many are open."""
    count = 0
    for one in connections:
        with suppress(OSError):
            one.setblocking(False)
            one.send(b"X")
            try:
                count += bool(one.recv(1))
            except BlockingIOError:
                count += 1
    return count
