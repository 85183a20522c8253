"""Every edit of a sealed trail alarms, except those that docs/operate/seals.md names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.audit import forger
from tests.audit.chain import _chained, newest, tidy, verdict  # noqa: F401
from tests.audit.conftest import T0, Log, decide, take
from tests.audit.forger import agree, apply, change, change_download, complete, delete, hide, seal, seal_again
from xaccel.audit.retention import drop_addresses, forget, prune

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
_bounded = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def fill(log: Log) -> None:
    """Store whole downloads, parts, a denial, rows without an entry, and an entry that came late."""
    lines = [log.line(at, subject=subject) for at, subject in enumerate(["0", "1", "1", ""])]
    lines += [log.part(0, 50, 100, 4, subject="1"), log.part(50, 100, 100, 5, subject="1")]
    lines.append(log.part(0, 50, 100, 5.5, subject="1"))
    keys = ["a.pdf", "b.pdf", "c.pdf", "d.pdf", "parts.pdf", "parts.pdf", "half.pdf"]
    for line, key in zip(lines, keys, strict=True):
        decide(line, key)
    late, lost = log.line(6, subject="0"), log.line(7, subject="1")
    for line in (late, lost):
        decide(line, "late.pdf")
    decide(log.line(8), outcome="denied", batch=0)
    take(log, *lines)
    tidy()
    take(log, late)
    after = [log.line(9, subject="0"), log.line(9, subject="0", status="404", seconds=0.5)]
    for line in after:
        decide(line, "after.pdf")
    take(log, *after)
    tidy()
    decide(log.line(10, subject="1"))


def age(log: Log) -> None:
    """Delete the oldest rows, remove old addresses, and forget a user, as an operator does."""
    prune(T0 + timedelta(seconds=3.5), using="default")
    drop_addresses(T0 + timedelta(seconds=6.5), using="default")
    forget("0", using="default")


def young(log: Log) -> None:
    """Leave the trail as it is."""


KNOWN: dict[str, list[forger.Edit]] = {
    "one in the middle deleted, the older ones sealed again": [
        (seal, [3], "prune", 1, None, 4),
        (delete, [3]),
        (seal_again, [0, 1, 2]),
    ],
    "one in the middle changed, all older ones sealed again": [
        (change, [3], ("subject", "framed")),
        (seal, [3], "prune", 1, None, 4),
        (seal_again, [0, 1, 2, 3]),
    ],
    "an entry that came late, which nothing seals": [(complete, [8], {})],
    "a row without an entry that becomes denied": [(complete, [8], {"outcome": "denied"})],
    "an entry that came late and is forged": [(complete, [8], {"why": "forged"})],
    "sums of a download excused by transfers that prune deleted": [
        (change_download, [0], ("transfers", 2)),
        (change_download, [0], ("pruned", 1)),
        (change_download, [0], ("given_bytes", 200)),
    ],
    "bytes of a download that were not sent": [
        (change_download, [0], ("spans", [[0, 200]])),
        (change_download, [0], ("sent_bytes", 200)),
    ],
    "a completion of a download that is not complete": [
        (change_download, [5], ("completed_at", forger.TIMES[1]))
    ],
    "some addresses, but not all that are older": [
        (hide, [2], False),
        (seal, [2], "addresses", 0, T0 + timedelta(seconds=2.5), 1),
    ],
    "a user who is forgotten and keeps the address": [
        (hide, [3], True, False),
        (seal, [3], "forget", 0, None, None),
    ],
    "a seal of an unknown kind": [(seal, [0], "x", 0, None, None)],
    "a seal of `forget` for a user who is there": [(seal, [8], "forget", 0, None, None)],
    "a seal of `forget` for a row without a seal": [(seal, [12], "forget", 0, None, None)],
    "more addresses gone than the seals say": [
        (hide, [0, 1], False),
        (seal, [1], "addresses", 0, T0 + timedelta(seconds=1.5), 1),
    ],
    "fewer rows gone than the seals say": [(seal, [1], "prune", 1, None, 3), (delete, [0, 1])],
    "a late entry taken back": [(complete, [7], forger.NO_ENTRY)],
    "a number of a seal left out": [
        (hide, [2], True),
        (seal, [2], "forget", 0, None, None),
        (forger.change_seal, 4, ("number", 9)),
        (forger.chain_again,),
    ],
    "a seal without its leaves": [
        (hide, [2], True),
        (seal, [2], "forget", 0, None, None),
        (forger.change_seal, 4, ("leaves", b"")),
    ],
    "a refusal in a download": [(forger.move, [11], 7), (change_download, [7], ("transfers", 2))],
    "a seal of rows that never were": [(seal, [], "transfers", 0, None, 5), (seal, [], "prune", 0, None, 5)],
    "a row that is sealed twice": [(seal_again, [1])],
    "a row that was changed and is in no seal": [(change, [1], ("sent", 1)), (change, [1], ("batch", None))],
    "a row that was changed and sealed again": [(change, [1], ("sent", 1)), (seal_again, [1])],
    "a row that was changed and is in another seal": [
        (change, [1], ("sent", 1)),
        (change, [1], ("batch", 2)),
    ],
    "a change that becomes a late entry": [
        (change, [1], ("sent", 1)),
        (change, [1], ("details", {"version_before": '"v1"'})),
        (seal, [1], "late", 0, None, None),
    ],
    "a row without its times": [
        (change, [4], (f"{name}_at", None)) for name in ("decided", "started", "ended")
    ],
    "a row slipped into a seal": [(forger.insert, [0], ("batch", 1))],
    "a row of a seal that is not there": [(forger.insert, [0], ("batch", 9))],
    "one gone, and a note of `prune` for older ones": [
        (seal, [6], "prune", 0, forger.TIMES[0], 1),
        (delete, [6]),
    ],
    "one gone, and a note of `prune` for all": [(seal, [6], "prune", 0, forger.TIMES[2], 1), (delete, [6])],
    "an address put back": [
        (hide, [0], False),
        (seal, [0], "addresses", 0, T0 + timedelta(seconds=0.5), 1),
        (change, [0], ("ip", "198.51.100.1")),
    ],
    "a user removed without a note": [(hide, [2], True)],
    **{
        f"a forgotten user with another {name}": [
            (hide, [2], True),
            (seal, [2], "forget", 0, None, None),
            (change, [2], (name, value)),
        ]
        for name, value in {"subject": "framed", "client": "x", "filename": "x"}.items()
    },
    "a seal with another count": [(forger.change_seal, 1, ("count", 9))],
    "a seal of another kind": [(forger.change_seal, 1, ("kind", "x"))],
    "a first seal without its leaves": [(forger.change_seal, 1, ("leaves", b""))],
    "a transfer taken out of its download": [(change, [1], ("download_id", None))],
    "a row with an impossible seal": [(forger.insert, [0], ("batch", -1))],
}


NAMED: dict[str, list[forger.Edit]] = {
    "all older rows deleted": [(seal, [2], "prune", 1, None, 3), (delete, [0, 1, 2])],
    "all older addresses removed": [
        (hide, [0, 1], False),
        (seal, [1], "addresses", 0, T0 + timedelta(seconds=1.5), 2),
    ],
    "a user forgotten": [(hide, [2], True), (seal, [2], "forget", 0, None, None)],
    "a log entry invented": [(complete, [8], {}), (seal, [8], "late", 0, None, None)],
    "a row added": [(forger.insert, [0], ("batch", 0))],
    "the order of downloads": [(change_download, [0], ("closed_at", T0)), (forger.move, [5], 4)],
}


@pytest.mark.parametrize("name", NAMED)
def test_what_the_documentation_names_is_silent(log: Log, name: str) -> None:
    fill(log)
    known = newest()
    apply([*NAMED[name], (agree,)])
    assert verdict(known).problems == []
    assert newest() != known or name in ("a row added", "the order of downloads")


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_forgery_is_found(log: Log, name: str) -> None:
    fill(log)
    known = newest()
    assert verdict(known).problems == []
    apply(KNOWN[name])
    if "download" not in name:
        agree()
    assert verdict(known).problems != []


def test_each_value_of_each_column_alarms(log: Log) -> None:
    fill(log)
    before = forger.state()
    for edit, values in ((change, forger.VALUES), (change_download, forger.OF_DOWNLOADS)):
        for column, value in forger.values_of(values):
            with transaction.atomic():
                apply([(edit, [1], (column, value))])
                after = forger.state()
                problems, unexcused = verdict().problems, forger.unexcused(before, after)
                transaction.set_rollback(True)
            assert problems or not unexcused, (column, value)


@pytest.mark.parametrize("history", [young, age], ids=["young", "pruned and forgotten"])
def test_every_edit_alarms_that_the_documentation_does_not_name(
    log: Log, history: Callable[[Log], None]
) -> None:
    fill(log)
    history(log)
    known, before = newest(), forger.state()
    assert (verdict(known).problems, forger.unexcused(before, before)) == ([], [])

    @_bounded
    @given(st.lists(forger.EDITS, min_size=1, max_size=4), st.booleans())
    def edited(edits: list[forger.Edit], agrees: bool) -> None:
        with transaction.atomic():
            apply(edits)
            if agrees:
                agree()
            after = forger.state()
            problems, unexcused = verdict(known).problems, forger.unexcused(before, after)
            transaction.set_rollback(True)
        event("alarms" if problems else "nothing changed" if after == before else "is silent and named")
        assert problems or not unexcused

    edited()
