"""Rows of slow and interrupted connections have the right outcome, size and times."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from tests.audit.live_site import (
    BIG,
    HOLDS,
    SNDBUF,
    WHOLE,
    Hold,
    Site,
    downloads,
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
