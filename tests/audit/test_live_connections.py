"""Rows of slow, interrupted and simultaneous connections have the right outcome and size."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from tests.audit.live_site import (
    BIG,
    BODY,
    DONE,
    HOLDS,
    SNDBUF,
    WHOLE,
    Hold,
    Site,
    downloads,
    part,
    servers,  # noqa: F401
    transfer,
    under_one_protocol,  # noqa: F401
)
from tests.live.front.h1_client import H1Connection
from tests.live.front.h2_client import WINDOW
from tests.live.front.transfer import Transfer
from xaccel.audit.models import Download
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CLOCK_S = 0.05
"""NGINX reads its clock once for all that came together, and writes whole milliseconds."""


def test_a_row_says_when_it_began_and_ended_and_how_long_the_origin_took(site: Site) -> None:
    name = token_hex(4)
    hold = HOLDS[name] = Hold()
    before = time.time()
    with site.begin(name) as held:
        assert hold.asked.wait(60)
        for _ in range(5):  # some time passes
            site.get("x")
        hold.let_go.set()
        held.until_end()
    after = time.time()
    asked, let_go = hold.between
    [row, *_] = site.rows(6)
    assert transfer(row) == WHOLE
    started, ended = row.started_at.timestamp(), row.ended_at.timestamp()
    assert before - CLOCK_S <= started <= row.decided_at.timestamp() <= asked
    assert let_go - CLOCK_S <= ended <= after
    # two moments in whole milliseconds
    assert let_go - asked - 0.002 <= row.details["origin_seconds"] <= ended - started + 0.002
    [made] = [download for download in found() if download.key == name]
    assert (made.opened_at, made.last_at, made.completed_at) == (row.started_at, row.ended_at, row.ended_at)
    assert made.closed_at is None


def found() -> list[Any]:
    return list(Download.objects.all())


def most_in_between(protocol: str) -> int:
    """Bytes that NGINX has given to the connection and the client has not read."""
    if protocol == "h2":
        return WINDOW
    kernel = Path("/proc/sys/net/ipv4")
    return sum(int((kernel / name).read_text().split()[2]) for name in ("tcp_wmem", "tcp_rmem"))


def broken_off(transfer_: Transfer, how: str) -> int:
    """Return how many bytes were read before."""
    transfer_.until_bytes(1_000_000)
    with suppress(OSError):
        getattr(transfer_, how)()
    return len(transfer_.body)


def sent_of_big(site: Site) -> int:
    [row] = site.rows(1)
    assert (row.outcome, row.status, row.first, row.total) == ("incomplete", 200, 0, BIG)
    [made] = downloads()
    assert (made["sent_complete"], made["sent_bytes"], made["spans"]) == (False, row.sent, [[0, row.sent]])
    return int(row.sent)


def most_not_counted(protocol: str) -> int:
    """Bytes that the client has read and NGINX does not count.

    Where the client goes away while NGINX writes frames of HTTP/2, NGINX counts none of the frames of that write, also
    those that have arrived. There are never more of them than the client's window.
    """
    return WINDOW if protocol == "h2" else 0


@pytest.mark.parametrize("how", ["abort", "close"])
def test_client_goes_away(site: Site, how: str) -> None:
    with site.begin("big") as transfer_:
        read = broken_off(transfer_, how)
    sent = sent_of_big(site)
    assert read - most_not_counted(site.protocol) <= sent <= read + most_in_between(site.protocol)


RECEIVE_BUFFER = 64 * 1024
HEAD_AND_RECORDS = 8 * 1024
"""What the client's machine receives beside the body: the handshake, the head, and the frame of each record."""


@pytest.mark.parametrize("site", ["h1"], indirect=True)
def test_what_arrived_is_between_the_computed_bound_and_what_was_sent(site: Site) -> None:
    """A client stops reading and aborts while NGINX's send buffer is full.

    TCP_INFO counts what the client's machine has acknowledged (tcpi_bytes_received in linux/tcp.h).
    """
    connection = H1Connection(site.narrow_port, site.ca_file, receive_buffer=RECEIVE_BUFFER)
    counts: list[int] = []

    def stands_still() -> bool:
        counts.append(connection.bytes_received())
        return len(counts) > 10 and len(set(counts[-10:])) == 1

    with site.begin("big", connection=connection) as transfer_:
        transfer_.until_bytes(1_000_000)
        assert wait_until(stands_still, timeout_s=60), counts
        arrived = connection.bytes_received()
        transfer_.abort()
    sent = sent_of_big(site)
    assert sent - 2 * SNDBUF - 65_536 <= arrived - HEAD_AND_RECORDS
    assert len(transfer_.body) <= arrived <= sent + HEAD_AND_RECORDS


BOUNDS = [(0, 600), (500, 1000)]


def ranged(site: Site, bound: tuple[int, int], connection: object = None) -> Transfer:
    return site.begin("paired", connection=connection, Range=f"bytes={bound[0]}-{bound[1] - 1}")


def over_two_connections(site: Site) -> list[bytes]:
    def get(bound: tuple[int, int]) -> bytes:
        with ranged(site, bound) as transfer_:
            return transfer_.reply().body

    with ThreadPoolExecutor() as pool:
        return list(pool.map(get, BOUNDS))


def over_one_connection(site: Site) -> list[bytes]:
    connection = site.connect()
    try:
        begun = [ranged(site, bound, connection) for bound in BOUNDS]
        return [transfer_.reply().body for transfer_ in begun]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("site", "get"),
    [
        pytest.param("h1", over_two_connections, id="h1"),
        pytest.param("h2", over_two_connections, id="h2"),
        pytest.param("h2", over_one_connection, id="h2, two streams"),
    ],
    indirect=["site"],
)
def test_ranges_at_the_same_time_are_one_download(site: Site, get: Callable[[Site], list[bytes]]) -> None:
    assert get(site) == [BODY[first:end] for first, end in BOUNDS]
    rows = sorted(site.rows(2), key=lambda row: row.first)
    assert [transfer(row) for row in rows] == [part(*bound) for bound in BOUNDS]
    assert max(row.started_at for row in rows) < min(row.ended_at for row in rows)
    assert len({row.download_id for row in rows}) == 1
    assert downloads() == [{**DONE, "key": "paired", "transfers": 2, "given_bytes": 1100}]
