"""Forgeries by somebody who can write to the database, and what `verify` reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.audit.chain import _chained, filled, newest, sent, tidy, verdict  # noqa: F401
from tests.audit.conftest import T0, Log, decide, ingested

pytestmark = pytest.mark.django_db(transaction=True)


def change(row: Any, **values: Any) -> None:
    from xaccel.audit.models import Transfer

    assert Transfer.objects.filter(pk=row.pk).update(**values) == 1


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("excuse", [{"batch": 0}, {"batch": None}, {"batch": 2}], ids=str)
@pytest.mark.parametrize(
    "values", [{"sent": 1}, {"key": "other.pdf"}, {"outcome": "unknown", "ended_at": None}], ids=str
)
def test_no_row_is_excused_from_its_seal(excuse: dict[str, Any], values: dict[str, Any]) -> None:
    change(sent()[0], **values, **excuse)
    tidy()
    assert "1 transfers of seal 1 are missing that `prune` did not delete" in verdict().problems


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("values", [{"sent": 1}, {"subject": "8"}, {"ip": None}], ids=str)
def test_no_change_becomes_a_correction(values: dict[str, Any]) -> None:
    from django.db import transaction

    from xaccel.audit.chain.seals import seal_late

    row = sent()[0]
    change(row, **values, details={**row.details, "version_before": row.version})
    with transaction.atomic():
        seal_late([row.pk], using="default")
    assert f"transfer {row.pk} was changed or added" in verdict().problems


@pytest.mark.usefixtures("filled")
def test_only_a_checkpoint_exposes_a_trail_that_was_sealed_anew() -> None:
    from xaccel.audit.models import Download, Seal, Transfer

    kept = newest()
    Transfer.objects.filter(outcome="sent").update(sent=1)
    Download.objects.update(
        sent_bytes=1, given_bytes=1, sent_complete=False, completed_at=None, spans=[[0, 1]]
    )
    Transfer.objects.filter(outcome="denied").delete()
    Seal.objects.all().delete()
    Transfer.objects.filter(batch__gt=0).update(batch=0)
    tidy()
    assert (verdict().problems, newest()[0]) == ([], kept[0])
    assert "the checkpoint's seal is not in the chain" in verdict(kept).problems[0]


@pytest.mark.usefixtures("filled")
def test_an_address_that_was_removed_is_none() -> None:
    from xaccel.audit.chain.seals import proof_of
    from xaccel.audit.retention import drop_addresses

    drop_addresses(T0 + timedelta(seconds=1.5), using="default")
    assert verdict().problems == []
    dropped, _, kept, *_ = sent()
    change(dropped, ip="198.51.100.1")
    assert verdict().problems == [f"the address of transfer {dropped.pk} was changed"]
    change(dropped, ip=None)
    change(kept, ip=None, address_proof=proof_of(vars(kept), "address_proof"))
    assert verdict().problems == [
        f"the address of transfer {kept.pk} was removed, but not by `prune` or `forget`",
        "1 addresses are missing that `prune` did not remove",
    ]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "values", [{"subject": "0"}, {"subject": "forgotten-ada"}, {"client": "x"}, {"filename": "x"}], ids=str
)
def test_a_person_who_was_forgotten_is_nobody_else(values: dict[str, Any]) -> None:
    from xaccel.audit.models import Transfer
    from xaccel.audit.retention import forget

    pseudonym, *_ = forget("1", using="default")
    row = Transfer.objects.filter(subject=pseudonym)[0]
    change(row, **values)
    assert verdict().problems[0] == f"the user of transfer {row.pk} was changed"


@pytest.mark.usefixtures("filled")
def test_who_was_forgotten_and_pruned_leaves_nobody_else_to_be_taken_out() -> None:
    from xaccel.audit.chain.seals import proof_of
    from xaccel.audit.retention import forget, prune
    from xaccel.audit.values import new_pseudonym

    forget("1", using="default")
    prune(sent()[2].decided_at, using="default")
    assert (verdict().problems, verdict().forgotten) == ([], 2)
    row = next(row for row in sent() if row.subject == "0")
    proofs = {name: proof_of(vars(row), name) for name in ("person_proof", "address_proof")}
    change(row, subject=new_pseudonym(), client="", filename="", ip=None, **proofs)
    assert f"the user of transfer {row.pk} was removed, but not by `forget`" in verdict().problems


@pytest.mark.usefixtures("filled")
def test_prune_counts_only_what_has_a_link(log: Log) -> None:
    from xaccel.audit.retention import prune

    decide(log.line(-20), outcome="denied", batch=0)
    prune(sent()[1].decided_at, using="default")
    found = verdict()
    assert (found.problems, found.deleted) == ([], 2)
    sent()[-1].delete()
    assert verdict().problems[0] == "1 transfers of seal 1 are missing that `prune` did not delete"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("before", "said"),
    [
        (T0 - timedelta(days=1), "1 transfers of seal 1 are missing that `prune` did not delete"),
        (datetime.now(UTC), "is there, but a seal says that `prune` deleted it"),
    ],
)
def test_a_note_of_prune_covers_nothing_but_all_that_is_older(before: datetime, said: str) -> None:
    """Whoever may write to the chain can add one, and take out what it would have deleted; but no single rows."""
    from django.db import transaction

    from xaccel.audit.chain.seals import note
    from xaccel.audit.models import Transfer

    last = Transfer.objects.filter(pk=sent()[-1].pk)
    with transaction.atomic():
        note("prune", last, before, using="default")
        last.delete()
    assert any(said in problem for problem in verdict().problems)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "values", [{"leaves": b""}, {"leaves": bytes(224)}, {"kind": "other"}, {"count": 8}], ids=str
)
def test_a_change_of_a_seal_shows(values: dict[str, Any]) -> None:
    from xaccel.audit.models import Seal

    Seal.objects.update(**values)
    assert "seal 1" in verdict().problems[0]


def test_what_is_over_and_never_sealed_is_counted(filled: list[Any], log: Log) -> None:  # noqa: F811
    assert (verdict().waiting, verdict().never_sealed) == (1, 0)
    line = log.line(5)
    decide(line, outcome="sent", batch=None)
    decide(log.line(6), outcome="denied", batch=0)
    assert (verdict().waiting, verdict().never_sealed) == (2, 1)


@pytest.mark.parametrize("at", [0, 1])
def test_a_moment_that_was_taken_out_is_a_problem_and_no_error(log: Log, at: int) -> None:
    from xaccel.audit.models import Transfer

    lines = [log.part(0, 50, 100), log.part(50, 100, 100, at=1)]
    ingested(log, *lines)
    tidy()
    assert verdict().problems == []
    row = Transfer.objects.get(pk=lines[at]["id"])
    change(row, decided_at=None, started_at=None, ended_at=None)
    problems = verdict().problems
    assert f"transfer {row.pk} was changed or added" in problems
    assert any("another last_at" in problem for problem in problems)
