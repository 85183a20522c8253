"""Ports for servers of tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xaccel_testing import ServerFailed, free_port, free_ports

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
MANY = "from xaccel_testing import free_ports; print(*free_ports(200), flush=True); input()"
TAKEN = """
import socket
from xaccel_testing import free_port, free_ports
following = free_port() + 1
with socket.create_server(("127.0.0.1", following)):
    print(following not in free_ports(900))
"""
FORKED = """
import os
from xaccel_testing import free_ports
free_ports(1)
if os.fork():
    os.wait()
print(*free_ports(200), flush=True)
"""


def test_no_port_is_given_again_before_its_server_has_taken_it() -> None:
    given = [free_port() for _ in range(450)] + free_ports(450)
    assert len(set(given)) == 900


def test_a_port_that_is_taken_is_not_given() -> None:
    """In a process of its own: here the following port may be that of a server, or the first one of another process."""
    done = subprocess.run([sys.executable, "-c", TAKEN], check=True, capture_output=True, text=True)
    assert done.stdout == "True\n"


def test_a_port_that_nobody_reaches_is_not_free() -> None:
    """In a network of its own, whose loopback interface is down: a program can listen there."""
    script = (
        "import socket; from xaccel_testing.servers.ports import is_free; "
        "socket.create_server(('127.0.0.1', 12_345)).close(); print(is_free(12_345))"
    )
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_no_port_is_given_twice_in_one_call() -> None:
    with pytest.raises(ServerFailed, match="no port is free"):
        free_ports(1000)


def test_no_outgoing_connection_takes_a_port_that_was_given() -> None:
    if not OUTGOING.exists():
        pytest.skip("not Linux")
    first, last = map(int, OUTGOING.read_text().split())
    if first < 32_000:
        pytest.skip("this machine gives nearly every port to outgoing connections")
    assert not any(first <= port <= last for port in free_ports(900))


def test_two_processes_are_given_different_ports() -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", MANY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as one,
        subprocess.Popen(
            [sys.executable, "-c", MANY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other,
    ):
        given = [process.stdout.readline().split() for process in (one, other) if process.stdout]
        for process in (one, other):
            process.communicate("\n")
    assert [len(ports) for ports in given] == [200, 200]
    assert not set(given[0]) & set(given[1])


def test_a_forked_process_is_given_other_ports_than_its_parent() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], check=True, capture_output=True, text=True)
    given = [set(line.split()) for line in done.stdout.splitlines()]
    assert [len(ports) for ports in given] == [200, 200]
    assert not given[0] & given[1]
