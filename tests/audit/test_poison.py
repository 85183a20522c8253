"""An entry that no column holds, or that is forged, stops nothing and changes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from tests.audit.chain import _chained, filled, sent, tidy  # noqa: F401
from tests.audit.conftest import Log, decide, decision, ids, some, take, wanted
from xaccel.audit.ingest.run import AWAY
from xaccel.audit.models import RejectedLine, Transfer

pytestmark = pytest.mark.django_db(transaction=True)


def verified(capsys: Any) -> tuple[bool, str]:
    """Run `verify` as an auditor does: whether it succeeds, and what it reports."""
    try:
        call_command("xaccel", "verify")
    except CommandError as error:
        return False, str(error)
    return True, capsys.readouterr().out


def test_entries_that_the_database_refuses_are_rejected_one_by_one(log: Log) -> None:
    """Each of these lines is possible; their sum in one download is not."""
    many = [log.line(body_bytes=2**53, sent_length=str(2**53)) for _ in range(1030)]
    other = log.line(subject="8")
    Transfer.objects.bulk_create(decision(line, "a.pdf") for line in (*many, other))
    counted = take(log, *many, other)
    assert other["id"] in ids()
    assert (counted["lines"], counted["rejected"]) == (1024, 7)
    assert {row.reason.partition(":")[0] for row in RejectedLine.objects.all()} == {"cannot be stored"}
    new = log.line(1, subject="9")
    decide(new)
    assert take(log, new)["lines"] == 1


def test_entries_that_a_constraint_refuses_are_stored_once_it_is_gone(log: Log) -> None:
    """A partition or constraint of the operator says nothing of an entry."""
    lines = some(log, 3)
    log.write(*lines)
    connection.cursor().execute("CREATE UNIQUE INDEX one_each ON xaccel_transfer (subject)")
    try:
        with pytest.raises(IntegrityError) as refused:
            take(log)
    finally:
        connection.cursor().execute("DROP INDEX one_each")
    assert isinstance(refused.value, AWAY)
    assert ids() == set()
    assert not RejectedLine.objects.exists()
    assert take(log)["lines"] == 3
    assert ids() == wanted(*lines)


@pytest.mark.parametrize("why", ["forged", "no_id"])
@pytest.mark.parametrize("late", [True, False], ids=["after its deadline", "under way"])
def test_a_forged_entry_does_not_make_verify_alarm(log: Log, capsys: Any, why: str, late: bool) -> None:
    line = log.line()
    decide(line)
    if late:
        tidy()
    take(log, {**line, "why": why, "status": "404", "body_bytes": 9})
    tidy()
    assert verified(capsys)[0]
    take(log, line)
    tidy()
    succeeded, said = verified(capsys)
    assert succeeded, said
    assert "1 transfers are sealed" in said
    assert sent()[0].outcome == "sent"
