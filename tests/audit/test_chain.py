"""The hash chain: what was changed afterwards shows, and what was deleted or forgotten by the rules does not alarm."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.audit.chain import _chained, filled, tidy, verdict
from tests.audit.conftest import T0, Log, decide, take

__all__ = ["_chained", "filled"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_honest_trail_holds(filled: list[Any]) -> None:
    found = verdict()
    assert (found.many, found.problems) == (0, [])
    assert (found.sealed, found.deleted, found.forgotten, found.waiting) == (7, 0, 0, 1)
    assert verdict(found.newest).many == 0


def test_the_same_holds_on_the_next_day(filled: list[Any], log: Log) -> None:
    before = verdict().newest
    line = log.line(99)
    decide(line)
    log.write(line)
    take(log)
    found = verdict(before)
    assert (found.many, found.sealed) == (0, 8)
    assert found.newest != before


def test_a_line_after_its_deadline_is_sealed_anew(filled: list[Any], log: Log) -> None:
    (unknown,) = [row for row in filled if row.outcome == "unknown"]
    log.write(log.line(-10, id=str(unknown.id)))
    take(log)
    assert (verdict().problems, verdict().again) == ([], 1)


def test_a_line_without_a_decision_is_sealed_once(log: Log) -> None:
    log.write(log.line())
    take(log)
    tidy()
    log.write(log.line(1))
    take(log)
    tidy()
    found = verdict()
    assert (found.sealed, found.again, found.problems) == (2, 0, [])


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("sent", 99, "was changed"),
        ("key", "other.pdf", "was changed"),
        ("outcome", "incomplete", "was changed"),
        ("decided_at", datetime(2026, 1, 1, tzinfo=UTC), "was changed"),
        ("subject", "nobody", "the person of"),
        ("filename", "other.pdf", "the person of"),
        ("ip", "198.51.100.1", "the address of"),
    ],
)
def test_a_change_shows(filled: list[Any], column: str, value: Any, said: str) -> None:
    from xaccel.audit.models import Transfer

    row = next(row for row in filled if row.outcome == "sent")
    Transfer.objects.filter(pk=row.pk).update(**{column: value})
    problem = verdict().problems[0]
    assert said in problem
    assert str(row.pk) in problem


def test_a_row_that_is_gone_shows(filled: list[Any]) -> None:
    from xaccel.audit.models import Transfer

    Transfer.objects.filter(pk=filled[0].pk).delete()
    assert verdict().problems == ["1 transfers are gone that `prune` did not delete"]


def test_a_row_that_was_slipped_in_shows(filled: list[Any]) -> None:
    decide({**vars(Log), **Log(None).line()}, sealed=True)  # type: ignore[arg-type]
    assert verdict().problems == ["1 transfers say that they are sealed and are not"]


def test_a_link_that_is_gone_or_changed_shows(filled: list[Any]) -> None:
    from xaccel.audit.models import Seal, Transfer

    link = Seal.objects.order_by("id")[2]
    Transfer.objects.filter(pk=link.transfer).delete()
    link.delete()
    assert any("does not follow" in problem for problem in verdict().problems)


def test_a_chain_that_was_cut_or_made_anew_shows_to_who_kept_a_link(filled: list[Any]) -> None:
    from xaccel.audit.models import Seal, Transfer

    newest = verdict().newest
    last = Seal.objects.order_by("-id")[0]
    Transfer.objects.filter(pk=last.transfer).delete()
    last.delete()
    assert verdict().problems == []
    assert "is not in the chain" in verdict(newest).problems[0]


def test_prune_and_forget_keep_it_whole(filled: list[Any]) -> None:
    from xaccel.audit.models import Transfer
    from xaccel.audit.retention import drop_addresses, forget, prune

    pseudonym, changed = forget("1", using="default")
    assert changed.transfers == 2
    found = verdict()
    assert (found.problems, found.forgotten) == ([], 2)
    assert drop_addresses(datetime.now(UTC), using="default") == 3
    assert verdict().problems == []
    cutoff = min(row.decided_at for row in filled if row.outcome == "sent") + timedelta(seconds=2)
    removed = prune(cutoff, using="default")
    assert removed.transfers == 3
    found = verdict()
    assert (found.problems, found.deleted) == ([], 3)
    row = Transfer.objects.filter(subject=pseudonym).first()
    assert row is not None
    Transfer.objects.filter(pk=row.pk).update(key="other")
    assert verdict().problems[0] == f"transfer {row.pk} was changed"


def test_blanking_a_person_by_hand_shows(filled: list[Any]) -> None:
    from xaccel.audit.models import Seal

    link = Seal.objects.order_by("id")[0]
    Seal.objects.filter(pk=link.pk).update(person_salt="")
    assert verdict().problems == [
        f"the person of transfer {link.transfer} was taken out, but not by `forget`"
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sent_complete": False, "completed_at": None}, "another sent_complete"),
        ({"sent_bytes": 101}, "other sent_bytes"),
        ({"given_bytes": 99}, "other given_bytes"),
        ({"total": 200}, "another total"),
        ({"transfers": 2}, "1 transfers, not 2"),
        ({"subject": "nobody"}, "another subject"),
        ({"version": "v2"}, "another version"),
        ({"opened_at": datetime(2026, 1, 1, tzinfo=UTC)}, "another opened_at"),
        ({"last_at": datetime(2027, 1, 1, tzinfo=UTC)}, "another last_at"),
        ({"completed_at": datetime(2027, 1, 1, tzinfo=UTC)}, "another completed_at"),
    ],
)
def test_a_change_of_a_download_shows(filled: list[Any], changed: dict[str, Any], said: str) -> None:
    from xaccel.audit.models import Download

    row = Download.objects.order_by("id")[0]
    Download.objects.filter(pk=row.pk).update(**changed)
    assert verdict().problems == [f"download {row.pk} is not what its transfers say: {said}"]


def test_a_download_that_is_gone_or_lost_a_transfer_shows(filled: list[Any]) -> None:
    from xaccel.audit.models import Download, Transfer

    row, other = Download.objects.order_by("id")[:2]
    row.delete()
    Transfer.objects.filter(download_id=other.pk).update(download_id=None)
    assert verdict().problems == [
        f"download {other.pk} is not what its transfers say: 0 transfers, not 1",
        "2 transfers gave bytes and belong to no download",
    ]


def test_parts_in_any_order_mixed_or_not_known_are_counted_again(log: Log) -> None:
    parts = [(50, 100), (0, 10), (5, 40), (40, 50)]
    lines = [log.part(*part, 100, at) for at, part in enumerate(parts)]
    lines += [log.part(0, 10, 100, 9, subject="8"), log.part(10, 100, 100, 10, subject="8", etag='"v2"')]
    lines += [log.part(0, 10, 100, 11, subject="9"), log.part(10, 90, 90, 12, subject="9")]
    lines.append(log.line(13, subject="10", protocol="HTTP/1.1", sent_length="", framing="chunked"))
    lines.append(log.line(14, subject="11", body_bytes=0, sent_length="0"))
    for line in lines:
        decide(line)
    log.write(*lines)
    take(log)
    found = verdict()
    assert (found.problems, found.downloads, found.sealed) == ([], 6, len(lines))


def test_the_command_says_so(filled: list[Any]) -> None:
    from django.core.management import CommandError, call_command

    from xaccel.audit.models import Transfer

    printed = io.StringIO()
    call_command("xaccel", "verify", stdout=printed)
    assert "7 transfers are sealed" in printed.getvalue()
    newest = printed.getvalue().split()[-1]
    call_command("xaccel", "verify", "--link", newest, stdout=printed)
    Transfer.objects.filter(outcome="sent").update(sent=1)
    with pytest.raises(CommandError, match="10 problems in the chain"):
        call_command("xaccel", "verify", stdout=printed)


@pytest.mark.parametrize("begun", [True, False])
def test_what_prune_deletes_that_was_never_sealed_does_not_alarm(
    log: Log, settings: Any, begun: bool
) -> None:
    from xaccel.audit.retention import prune

    on, settings.XACCEL_AUDIT = settings.XACCEL_AUDIT, {}
    lines = [log.part(0, 50, 100), log.part(50, 100, 100, at=100), log.line(5000)]
    for line in lines:
        decide(line)
    log.write(*lines[:2])
    take(log)
    settings.XACCEL_AUDIT = on
    if begun:
        log.write(lines[2])
        take(log)
    prune(T0 + timedelta(seconds=50), using="default")
    if not begun:
        log.write(lines[2])
        take(log)
    found = verdict()
    assert (found.problems, found.deleted, found.sealed, found.never_sealed) == ([], 0, 1, 1)
