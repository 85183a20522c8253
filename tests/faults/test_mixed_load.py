"""A mixed load: for every request the audit trail says what the client saw."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from itertools import chain

import pytest

from tests.faults.clients import Seen, Users
from tests.faults.objects import MEDIUM, OBJECTS
from tests.faults.topology import Topology
from tests.faults.trail import mismatches
from xaccel_testing.servers.processes import wait_until

CLIENTS = 8


def whole(users: Users, port: int, path: str) -> Seen:
    return users.ask(port, path)


def part(users: Users, port: int, path: str) -> Seen:
    first = random.randrange(3_000)
    return users.ask(port, path, Range=f"bytes={first}-{first + random.randrange(900)}")


def head(users: Users, port: int, path: str) -> Seen:
    return users.ask(port, path, method="HEAD")


def denied(users: Users, port: int, path: str) -> Seen:
    return users.ask(port, path.replace("/store/", "/denied/").replace("/cached/", "/denied/"))


def missing(users: Users, port: int, path: str) -> Seen:
    return users.ask(port, f"{path}-no-such")


def not_modified(users: Users, port: int, path: str) -> Seen:
    return users.ask(port, path, If_None_Match="*")


def aborted(users: Users, port: int, path: str) -> Seen:
    return users.ask(port, path.replace(path.rpartition("/")[2], "large.bin"), leave_after=4096)


KINDS: dict[Callable[[Users, int, str], Seen], int] = {
    whole: 8,
    part: 4,
    head: 1,
    denied: 2,
    missing: 1,
    not_modified: 2,
    aborted: 1,
}
"""What clients do, and how often."""


@pytest.mark.parametrize("seconds", [4, pytest.param(600, marks=pytest.mark.slow)])
def test_the_trail_says_of_each_request_what_the_client_saw(
    running: Topology, users: Users, seconds: int
) -> None:
    end = time.monotonic() + seconds

    def work() -> None:
        keys = [key for key in OBJECTS if key != "large.bin"]
        # each kind once, however few requests a busy machine makes
        for kind in chain(KINDS, iter(lambda: random.choices(list(KINDS), list(KINDS.values()))[0], None)):
            if time.monotonic() > end:
                break
            kind(
                users,
                random.choice(users.ports),
                f"/{random.choice(['store', 'cached'])}/{random.choice(keys)}",
            )

    clients = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    counted = Counter(seen.status for seen in users.seen)
    print(f"{len(users.seen)} requests in {seconds} s: {dict(counted)}")
    assert users.wrong == []
    assert set(counted) == {200, 206, 304, 403, 404}
    assert mismatches(running, users.seen, within_s=120) == []
    [(given, sent)] = running.query(
        "SELECT (SELECT sum(given_bytes) FROM xaccel_download), (SELECT sum(sent) FROM xaccel_transfer)"
    )
    assert given == sent


def test_parts_from_two_nginx_are_one_download(running: Topology, users: Users) -> None:
    content = OBJECTS[MEDIUM]
    middle = len(content) // 2
    halves = {f"bytes=0-{middle - 1}": content[:middle], f"bytes={middle}-": content[middle:]}
    for port, (part, half) in zip(users.ports, halves.items(), strict=True):
        seen = users.ask(port, f"/store/{MEDIUM}?subject=two", Range=part, User_Agent="two NGINX")
        assert seen.digest == sha256(half).hexdigest()
    stored = "SELECT transfers, sent_complete FROM xaccel_download WHERE subject = 'two'"
    assert wait_until(lambda: running.query(stored) == [(2, True)], timeout_s=60)
