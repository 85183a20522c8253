"""Ports for servers of tests."""

from __future__ import annotations

from xaccel.testing import free_port, free_ports


def test_no_port_is_given_again_before_its_server_has_taken_it() -> None:
    given = [free_port() for _ in range(500)] + free_ports(500)
    assert len(set(given)) == 1000
