"""The hash chain: what was changed afterwards shows, and what was deleted or forgotten by the rules does not alarm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection

from tests.audit.chain import _chained, filled, newest, tidy, verdict
from tests.audit.conftest import T0, Log, decide, ingested, run, take
from xaccel.audit import retention
from xaccel.audit.chain.seals import is_hidden
from xaccel.audit.models import Download, Seal, Transfer
from xaccel.audit.retention import drop_addresses, forget, prune

__all__ = ["_chained", "filled"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_honest_trail_holds(filled: list[Any]) -> None:
    found = verdict()
    assert found.problems == []
    assert (found.sealed, found.deleted, found.forgotten, found.waiting) == (7, 0, 0, 1)
    assert verdict(newest()).problems == []


def test_the_same_holds_on_the_next_day(filled: list[Any], log: Log) -> None:
    before = newest()
    line = log.line(99)
    ingested(log, line)
    tidy()
    found = verdict(before)
    assert (found.problems, found.sealed) == ([], 8)
    assert newest()[0] == before[0] + 1


def test_no_row_is_sealed_before_it_is_final_and_none_twice(filled: list[Any]) -> None:
    assert dict(Transfer.objects.values_list("outcome", "batch")) == {
        "sent": 1,
        "denied": 1,
        "unknown": 1,
        "granted": None,
    }
    tidy()
    assert Seal.objects.values_list("number", "kind", "count").get() == (1, "transfers", 7)


def test_an_entry_after_its_row_was_sealed_is_a_correction(filled: list[Any], log: Log) -> None:
    (unknown,) = [row for row in filled if row.outcome == "unknown"]
    line = log.line(-10, id=str(unknown.id))
    take(log, {**line, "why": "forged", "status": "404", "etag": "forged"})
    assert (verdict().problems, verdict().waiting) == ([], 1)
    take(log, line)
    tidy()
    found = verdict()
    assert (found.problems, found.sealed, found.late, found.waiting) == ([], 7, 1, 1)
    row = Transfer.objects.get(pk=unknown.pk)
    assert (row.outcome, row.version, row.batch, row.details["version_before"]) == ("sent", '"v1"', 1, "")
    assert Seal.objects.order_by("number").values_list("kind", flat=True)[1:].get() == "late"
    for changed in ({"sent": 1}, {"ip": "192.0.2.99"}, {"version": "x"}):
        Transfer.objects.filter(pk=row.pk).update(**changed)
        assert any("late log entries" in problem for problem in verdict().problems)
        row.save()
    Transfer.objects.filter(pk=row.pk).update(key="x")
    assert f"transfer {row.pk} was changed or added" in verdict().problems


def test_an_entry_that_comes_after_chain_was_switched_off_is_sealed(
    filled: list[Any],
    log: Log,
    settings: Any,
) -> None:
    settings.XACCEL_AUDIT = {}
    (unknown,) = [row for row in filled if row.outcome == "unknown"]
    take(log, log.line(-10, id=str(unknown.id)))
    assert (verdict().problems, verdict().late) == ([], 1)


def test_addresses_are_removed_in_slices_between_which_the_trail_holds(
    filled: list[Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    assert retention.drop_addresses(T0 + timedelta(seconds=3.5), using="default") == 4
    assert list(Seal.objects.filter(kind="addresses").values_list("count", flat=True)) == [2, 2]
    assert (verdict().problems, verdict().addresses) == ([], 4)
    Seal.objects.filter(number=3).delete()
    assert len(verdict().problems) == 3
    assert Transfer.objects.filter(ip__isnull=False, outcome="sent").count() == 1


def test_the_address_of_a_denial_is_sealed_and_removed_with_those_of_downloads(filled: list[Any]) -> None:
    (denied,) = [row for row in filled if row.outcome == "denied"]
    assert (denied.ip, denied.ended_at, len(denied.address_proof) >= 32) == ("127.0.0.1", None, True)
    Transfer.objects.filter(pk=denied.pk).update(ip="198.51.100.1")
    assert verdict().problems == [f"transfer {denied.pk} was changed or added"]
    Transfer.objects.filter(pk=denied.pk).update(ip=denied.ip, subject="42", person_proof="", batch=0)
    tidy()
    assert drop_addresses(denied.decided_at, using="default") == 5
    assert Transfer.objects.get(pk=denied.pk).ip == denied.ip
    assert drop_addresses(denied.decided_at + timedelta(seconds=1), using="default") == 1
    assert Transfer.objects.get(pk=denied.pk).ip is None
    assert forget("42", using="default")[1] == 1


def test_a_user_of_many_rows_is_forgotten_in_slices(log: Log, monkeypatch: Any) -> None:
    lines = [log.part(at * 10, at * 10 + 10, 100, at) for at in range(5)]
    ingested(log, *lines)
    tidy()
    before = Download.objects.get().group
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    pseudonym, *counts = retention.forget("7", using="default")
    assert counts == [5, 1]
    assert list(Seal.objects.filter(kind="forget").order_by("number").values_list("count", flat=True)) == [
        2,
        2,
        1,
    ]
    assert (verdict().problems, Transfer.objects.filter(subject=pseudonym, ip=None).count()) == ([], 5)
    assert Download.objects.get().group != before


def test_a_corrected_row_is_forgotten_and_pruned(filled: list[Any], log: Log) -> None:
    (unknown,) = [row for row in filled if row.outcome == "unknown"]
    take(log, log.line(-10, id=str(unknown.id)))
    assert drop_addresses(T0, using="default") == 1
    assert verdict().problems == []
    forget("7", using="default")
    assert (verdict().problems, verdict().forgotten) == ([], 1)
    prune(T0 - timedelta(seconds=5), using="default")
    assert (verdict().problems, verdict().deleted) == ([], 1)


def test_an_entry_after_its_row_was_pruned_does_not_alarm(filled: list[Any], log: Log) -> None:
    """NGINX's clock is ahead of the app's: the entry is of after the time of `prune`."""
    (unknown,) = [row for row in filled if row.outcome == "unknown"]
    prune(T0 - timedelta(seconds=5), using="default")
    assert take(log, log.line(9, id=str(unknown.id)))["skipped"] == 0
    tidy()
    found = verdict()
    assert (found.problems, found.sealed, found.deleted) == ([], 8, 1)


@pytest.mark.parametrize("ahead", [3.0, -3.0])
def test_a_clock_of_nginx_that_differs_does_not_alarm_where_prune_ends(log: Log, ahead: float) -> None:
    lines = [log.part(at * 10, at * 10 + 10, 100, at, subject=str(at // 2)) for at in range(6)]
    for line in lines:
        decide(line)
        line["end"] += ahead
    take(log, *lines)
    tidy()
    removed = prune(T0 + timedelta(seconds=2), using="default")
    assert (removed["transfers"], removed["downloads"]) == (3, 1)
    assert (Transfer.objects.count(), Download.objects.count()) == (3, 2)
    assert (verdict().problems, verdict().deleted) == ([], 3)
    prune(T0 + timedelta(days=1), using="default")
    assert (verdict().problems, verdict().deleted, Download.objects.count()) == ([], 6, 0)


def test_verify_between_two_transactions_of_prune_does_not_alarm(filled: list[Any], monkeypatch: Any) -> None:
    found: list[Any] = []
    delete = retention._delete

    def watched(*args: Any) -> None:
        delete(*args)
        found.append(verdict())

    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "_delete", watched)
    retention.prune(datetime.now(UTC) + timedelta(days=1), using="default")
    assert len(found) == 5
    assert [one.problems for one in found] == [[]] * 5
    assert [one.deleted for one in found][-1] == 7


def test_a_line_without_a_decision_is_sealed_once(log: Log) -> None:
    take(log, log.line())
    tidy()
    take(log, log.line(1))
    tidy()
    found = verdict()
    assert (found.sealed, found.late, found.problems) == (2, 0, [])


def test_a_change_is_reported_with_its_transfer_or_download(filled: list[Any]) -> None:
    """Every other change is in test_edits.py."""
    row, download = next(row for row in filled if row.outcome == "sent"), Download.objects.order_by("id")[0]
    Transfer.objects.filter(pk=row.pk).update(filename="other.pdf")
    Download.objects.filter(pk=download.pk).update(given_bytes=99, transfers=2)
    assert verdict().problems == [
        f"transfer {row.pk} was changed or added",
        f"download {download.pk} differs from its transfers: 1 transfers, not 2",
    ]
    Download.objects.filter(pk=download.pk).update(transfers=1)
    assert f"download {download.pk} differs from its transfers: another given_bytes" in verdict().problems
    Transfer.objects.filter(pk=filled[0].pk).delete()
    assert "1 transfers of seal 1 are missing that `prune` did not delete" in verdict().problems


CHANGES = {
    "view": (
        "ALTER TABLE xaccel_seal RENAME TO elsewhere; CREATE VIEW xaccel_seal AS SELECT * FROM elsewhere",
        "DROP VIEW xaccel_seal; ALTER TABLE elsewhere RENAME TO xaccel_seal",
    ),
    "policy": (
        "ALTER TABLE xaccel_seal ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE xaccel_seal DISABLE ROW LEVEL SECURITY",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_that_shows_others_other_rows_is_reported(filled: list[Any], change: str) -> None:
    """Its owner can show `verify` the sealed rows, since no other query is in a transaction that only reads."""
    if change == "policy" and connection.vendor == "sqlite":
        return  # it has none
    hide, restore = CHANGES[change]
    with connection.cursor() as cursor:
        for statement in hide.split("; "):
            cursor.execute(statement)
        try:
            problems = verdict().problems
        finally:
            for statement in restore.split("; "):
                cursor.execute(statement)
    assert problems == [
        "xaccel_seal is a view or has a row-level policy, so other queries can get other rows"
    ]
    assert verdict().problems == []


def test_what_is_over_and_never_sealed_is_counted(filled: list[Any], log: Log) -> None:
    assert (verdict().waiting, verdict().never_sealed) == (1, 0)
    decide(log.line(5), outcome="sent", batch=None)
    decide(log.line(6), outcome="denied", batch=0)
    log.write(log.line(7, why="forged", status="404"))  # another backend can send one at any time
    take(log)
    assert (verdict().waiting, verdict().never_sealed) == (2, 1)


def test_prune_and_forget_leave_proofs(filled: list[Any]) -> None:
    proofs = set(Transfer.objects.filter(subject="1").values_list("person_proof", "address_proof"))
    assert len({proof for both in proofs for proof in both}) == 4
    pseudonym, transfers, _ = forget("1", using="default")
    assert transfers == 2
    found = verdict()
    assert (found.problems, found.forgotten) == ([], 2)
    hidden = Transfer.objects.filter(subject=pseudonym).values_list("person_proof", "address_proof")
    assert all(is_hidden(proof) for both in hidden for proof in both)
    assert drop_addresses(datetime.now(UTC), using="default") == 4
    assert verdict().problems == []
    cutoff = min(row.decided_at for row in filled if row.outcome == "sent") + timedelta(seconds=2)
    removed = prune(cutoff, using="default")
    assert removed["transfers"] == 3
    found = verdict()
    assert (found.problems, found.deleted) == ([], 3)
    row = Transfer.objects.filter(subject=pseudonym).first()
    assert row is not None
    Transfer.objects.filter(pk=row.pk).update(key="other")
    assert f"transfer {row.pk} was changed or added" in verdict().problems
    row.save()
    prune(datetime.now(UTC) + timedelta(days=1), using="default")
    found = verdict()
    assert (found.problems, found.deleted) == ([], 7)
    assert {bytes(leaves) for leaves in Seal.objects.values_list("leaves", flat=True)} == {b""}


def test_parts_in_any_order_and_of_unknown_length_are_counted_again(log: Log) -> None:
    parts = [(50, 100), (0, 10), (5, 40), (40, 50)]
    lines = [log.part(*part, 100, at) for at, part in enumerate(parts)]
    lines += [log.part(0, 10, 100, 9, subject="8"), log.part(10, 100, 100, 10, subject="8", etag='"v2"')]
    lines += [log.part(0, 10, 100, 11, subject="9"), log.part(10, 90, 90, 12, subject="9")]
    lines.append(log.line(13, subject="10", protocol="HTTP/1.1", sent_length="", framing="chunked"))
    lines.append(log.line(14, subject="11", body_bytes=0, sent_length="0"))
    ingested(log, *lines)
    tidy()
    found = verdict()
    assert (found.problems, found.downloads, found.sealed) == ([], 7, len(lines))


def test_the_command_says_so(filled: list[Any]) -> None:
    assert "7 transfers are sealed" in run("verify")
    Transfer.objects.filter(outcome="sent").update(sent=1)
    with pytest.raises(CommandError, match="10 problems in the trail"):
        run("verify")


@pytest.mark.parametrize("begun", [True, False])
def test_what_prune_deletes_that_was_never_sealed_does_not_alarm(
    log: Log, settings: Any, begun: bool
) -> None:
    on, settings.XACCEL_AUDIT = settings.XACCEL_AUDIT, {}
    lines = [log.part(0, 50, 100), log.part(50, 100, 100, at=100), log.line(5000)]
    for line in lines:
        decide(line)
    take(log, *lines[:2])
    settings.XACCEL_AUDIT = on
    if begun:
        take(log, lines[2])
    prune(T0 + timedelta(seconds=50), using="default")
    if not begun:
        take(log, lines[2])
    tidy()
    found = verdict()
    assert (found.problems, found.deleted, found.sealed, found.never_sealed) == ([], 0, 1, 1)
