"""One topology for all tests: each test repairs what it breaks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.faults.clients import Users
from tests.faults.topology import Topology, topology
from tests.servers.started import started
from xaccel_testing import variants
from xaccel_testing.servers.processes import wait_until

VARIANT = "deb-njs"


@pytest.fixture(scope="session")
def running(unavailable: Callable[[str], NoReturn]) -> Iterator[Topology]:
    found = variants()[VARIANT]
    if found.missing:
        unavailable(f"{found.name}: {found.missing}")
    # a socket's path is short, and PostgreSQL runs as another user
    with tempfile.TemporaryDirectory(prefix="xf-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with started(topology(Path(name), found), unavailable) as servers:
            yield servers


@pytest.fixture
def users(running: Topology) -> Iterator[Users]:
    """Users; before and after the test everything works."""
    found = Users(running.ports)
    assert wait_until(lambda: found.work(6), timeout_s=60, every_s=0.2)
    yield found
    assert wait_until(running.s3.is_whole, timeout_s=60, every_s=0.2)
    assert wait_until(lambda: found.work(6), timeout_s=60, every_s=0.2)
