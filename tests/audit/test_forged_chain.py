"""What somebody who may write to the database can try, and what `verify` says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.audit.chain import _chained, filled, sent, tidy, verdict  # noqa: F401
from tests.audit.conftest import T0, Log, decide, take

pytestmark = pytest.mark.django_db(transaction=True)


def change(row: Any, **values: Any) -> None:
    from xaccel.audit.models import Transfer

    assert Transfer.objects.filter(pk=row.pk).update(**values) == 1


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("excuse", [{"sealed": False}, {"sealed": None}])
@pytest.mark.parametrize(
    "values", [{"sent": 1}, {"key": "other.pdf"}, {"outcome": "unknown", "ended_at": None}], ids=str
)
def test_no_row_is_excused_from_what_its_link_says(excuse: dict[str, Any], values: dict[str, Any]) -> None:
    row = sent()[0]
    change(row, **values, **excuse)
    assert f"transfer {row.pk} was changed" in verdict().problems


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "values", [{"sent": 1}, {"decided_at": None, "key": ""}, {"outcome": "unknown"}], ids=str
)
def test_a_change_that_was_sealed_again_shows(values: dict[str, Any]) -> None:
    row = sent()[0]
    known = verdict().newest
    change(row, **values, sealed=False)
    tidy()
    assert verdict(known).problems[0] == f"transfer {row.pk} was changed and sealed again"


@pytest.mark.parametrize("values", [{"subject": "nobody"}, {"client": "x"}], ids=str)
@pytest.mark.parametrize("blank", [True, False])
def test_a_person_that_was_changed_before_the_second_seal_shows(
    log: Log, values: dict[str, Any], blank: bool
) -> None:
    from xaccel.audit.models import Seal, Transfer

    line = log.line()
    decide(line)
    tidy()
    assert verdict().problems == []
    if blank:
        Seal.objects.update(person_salt="", address_salt="")
    change(Transfer.objects.get(), **values)
    log.write(line)
    take(log)
    tidy()
    assert any(line["id"] in problem for problem in verdict().problems)


@pytest.mark.usefixtures("filled")
def test_an_address_whose_salt_was_removed_is_none() -> None:
    from xaccel.audit.models import Seal
    from xaccel.audit.retention import drop_addresses

    drop_addresses(T0 + timedelta(seconds=1.5), using="default")
    assert verdict().problems == []
    dropped, _, kept, *_ = sent()
    change(dropped, ip="198.51.100.1")
    Seal.objects.filter(transfer=kept.pk).update(address_salt="")
    change(kept, ip="198.51.100.1")
    assert verdict().problems == [
        f"the address of transfer {dropped.pk} was changed",
        f"the address of transfer {kept.pk} was changed",
    ]
    change(dropped, ip=None)
    change(kept, ip=None)
    assert verdict().problems == ["addresses are gone that neither `prune` nor `forget` removed"]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "values", [{"subject": "0"}, {"subject": "forgotten-ada"}, {"client": "x"}, {"filename": "x"}], ids=str
)
def test_a_person_who_was_forgotten_is_nobody_else(values: dict[str, Any]) -> None:
    from xaccel.audit.models import Transfer
    from xaccel.audit.retention import forget

    pseudonym, _ = forget("1", using="default")
    row = Transfer.objects.filter(subject=pseudonym)[0]
    change(row, **values)
    assert verdict().problems[0] == f"the person of transfer {row.pk} was changed"


@pytest.mark.usefixtures("filled")
def test_who_was_forgotten_and_pruned_leaves_nobody_else_to_be_taken_out() -> None:
    from xaccel.audit.decision.pseudonym import new_pseudonym
    from xaccel.audit.models import Seal
    from xaccel.audit.retention import forget, prune

    forget("1", using="default")
    prune(sent()[2].decided_at, using="default")
    assert (verdict().problems, verdict().forgotten) == ([], 2)
    row = next(row for row in sent() if row.subject == "0")
    Seal.objects.filter(transfer=row.pk).update(person_salt="", address_salt="")
    change(row, subject=new_pseudonym(), client="", filename="", ip=None)
    assert f"the person of transfer {row.pk} was taken out, but not by `forget`" in verdict().problems


@pytest.mark.usefixtures("filled")
def test_prune_counts_only_what_has_a_link(log: Log) -> None:
    from xaccel.audit.retention import prune

    decide(log.line(-20), outcome="denied", sealed=False)
    prune(sent()[1].decided_at, using="default")
    found = verdict()
    assert (found.problems, found.deleted) == ([], 2)
    sent()[-1].delete()
    assert verdict().problems[0] == "1 transfers are gone that `prune` did not delete"


@pytest.mark.usefixtures("filled")
def test_a_note_of_prune_covers_nothing_but_all_that_is_older() -> None:
    """Whoever may write to the chain can add one, and take out what it would have deleted; but no single rows."""
    from django.db import transaction

    from xaccel.audit.chain.chain import seal_note
    from xaccel.audit.models import Transfer

    first, *_, last = sent()
    for before, said in [
        (T0 - timedelta(days=1), "transfers are gone that are not of before"),
        (datetime.now(UTC), "`prune` was broken off, or it deleted nothing"),
    ]:
        with transaction.atomic():
            seal_note("prune", Transfer.objects.filter(pk=last.pk), before, using="default")
            Transfer.objects.filter(pk=last.pk).delete()
        assert any(said in problem for problem in verdict().problems)
        last = first


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "values",
    [
        {"kind": "prune", "text": "x", "count": 9},
        {"kind": "prune", "text": "before 0001-01-01T00:00:00+14:00", "count": 9},
        {"kind": "other"},
        {"kind": "transfer"},
    ],
    ids=str,
)
def test_a_link_that_says_nothing_known_is_a_problem(values: dict[str, Any]) -> None:
    from xaccel.audit.chain.chain import link_of
    from xaccel.audit.models import Seal

    link = Seal(**values)
    link.chain = link_of(verdict().newest, link)
    link.save()
    assert verdict().problems == [f"link {link.pk} is none of this version"]


def test_what_is_over_and_never_sealed_is_counted(filled: list[Any], log: Log) -> None:  # noqa: F811
    assert (verdict().waiting, verdict().never_sealed) == (1, 0)
    line = log.line(5)
    decide(line, outcome="sent", sealed=None)
    decide(log.line(6), outcome="denied", sealed=False)
    assert (verdict().waiting, verdict().never_sealed) == (2, 1)


@pytest.mark.parametrize("at", [0, 1])
def test_a_moment_that_was_taken_out_is_a_problem_and_no_error(log: Log, at: int) -> None:
    from xaccel.audit.models import Transfer

    lines = [log.part(0, 50, 100), log.part(50, 100, 100, at=1)]
    for line in lines:
        decide(line)
    log.write(*lines)
    take(log)
    tidy()
    assert verdict().problems == []
    row = Transfer.objects.get(pk=lines[at]["id"])
    change(row, decided_at=None, started_at=None, ended_at=None)
    problems = verdict().problems
    assert f"transfer {row.pk} was changed" in problems
    assert any("another opened_at, another last_at" in problem for problem in problems)
