"""Compare what users saw with the rows of the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.clients import Seen
from tests.faults.topology import Topology
from xaccel_testing.servers.processes import wait_until

_OUTCOMES = {("HEAD", 200): "headers", ("GET", 304): "not_modified", ("GET", 403): "denied"}
_COLUMNS = "client, outcome, status, sent, method, key, ended_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Row:
    client: str
    outcome: str
    status: int | None
    sent: int | None
    method: str
    key: str
    has_entry: bool


def rows(topology: Topology) -> dict[str, list[Row]]:
    """Return the transfers by client."""
    found: dict[str, list[Row]] = {}
    for values in topology.query(f"SELECT {_COLUMNS} FROM xaccel_transfer"):
        row = Row(*values)
        found.setdefault(row.client, []).append(row)
    return found


def mismatches(
    topology: Topology, seen: Iterable[Seen], *, decided_twice: bool = False, within_s: float = 60
) -> list[str]:
    """Return what users saw and the trail says otherwise, once `ingest` has had time to read all entries.

    decided_twice: whether NGINX may have given up one app and asked the other. The first one's hand-off reached nobody,
    so its row has no entry.
    """
    wanted = list(seen)
    found: list[str] = []

    def all_right() -> bool:
        stored = rows(topology)

        def found_for(one: Seen) -> list[Row]:
            of_one = stored.get(one.client, [])
            with_entry = [row for row in of_one if row.outcome != "granted"]
            return with_entry if decided_twice and len(of_one) > 1 else of_one

        found[:] = [text for one in wanted if (text := _mismatch(one, found_for(one)))]
        return not found

    wait_until(all_right, timeout_s=within_s, every_s=0.5)
    return found


def _mismatch(seen: Seen, stored: list[Row]) -> str:
    """Return how one request and its rows differ; "" if they agree."""
    if seen.status == 503 and all(row.outcome == "granted" for row in stored):
        # the app's own response: the database was gone before it said whether it had stored the row
        return ""
    if seen.status == 0 or (seen.status >= 500 and not stored):
        # no response, or none after a decision: if there is a row, it says of no byte more than NGINX gave
        return "" if all(row.outcome != "sent" for row in stored) else f"{seen}: {stored}"
    if len(stored) != 1:
        return f"{seen}: {len(stored)} rows"
    [row] = stored
    right = (row.method, row.key) == (seen.method, seen.key)
    if seen.status >= 400 and seen.status != 403:
        right &= (row.outcome, row.status) == ("refused", seen.status)
    elif (seen.method, seen.status) in _OUTCOMES:
        right &= row.outcome == _OUTCOMES[seen.method, seen.status]
    elif seen.ended and not seen.has_left:
        right &= (row.outcome, row.status, row.sent) == ("sent", seen.status, seen.received)
    else:
        # it was cut or the client left: NGINX gave at least what the client read. Without NGINX there is no entry.
        right &= row.outcome in ("incomplete", "sent") and (row.sent or 0) >= seen.received
    return "" if right else f"{seen}: {row}"
