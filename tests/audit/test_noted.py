"""The decision of an app without a trail is in the note of its log entry (LOG_DECISIONS)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.audit.conftest import T0, Log, decide, take
from xaccel.audit.models import Download, LogPosition, Transfer
from xaccel.audit.retention import forget, prune
from xaccel.audit.values import indexable
from xaccel.handoff.headers import decision_note

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = decision_note(
    key="a/résumé & co.pdf", filename="Résumé.pdf", version="v2", reason="case 7", as_attachment="1"
)


def transfers() -> list[Any]:
    return [*Transfer.objects.order_by("ended_at")]


def downloads() -> list[Any]:
    return [*Download.objects.order_by("opened_at")]


def test_a_noted_transfer_is_a_download_of_its_object_and_user(log: Log) -> None:
    assert take(log, log.part(0, 40, 100, note=NOTE), log.part(40, 100, 100, at=5, note=NOTE))["lines"] == 2
    first, second = transfers()
    assert (first.key, first.filename, first.version) == ("a/résumé & co.pdf", "Résumé.pdf", "v2")
    assert (first.reason, first.as_attachment, first.subject) == ("case 7", True, "7")
    assert (first.decided_at, first.outcome) == (first.started_at, "sent")
    [download] = downloads()
    assert (download.subject, download.key, download.version) == ("7", "a/résumé & co.pdf", "v2")
    assert (download.sent_complete, download.sent_bytes, download.transfers) == (True, 100, 2)
    assert {first.download_id, second.download_id} == {download.id}


def test_a_noted_upload_is_a_row_with_its_object_and_no_download(log: Log) -> None:
    note = decision_note(key="uploads/0123")
    take(log, log.line(kind="upload", method="PUT", status="201", size="100", note=note))
    [row] = transfers()
    assert (row.key, row.subject, row.method, row.outcome) == ("uploads/0123", "7", "PUT", "stored")
    assert (row.decided_at, downloads()) == (row.started_at, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"note": NOTE, "why": "forged"},
        {"note": NOTE, "why": "no_id"},
        {"note": "key=report.pdf"},
        {"note": "the app's own note, decision:key=report.pdf"},
        {"note": ""},
    ],
)
def test_another_note_and_that_of_a_forged_hand_off_are_no_decision(log: Log, fields: dict[str, str]) -> None:
    take(log, log.line(**fields))
    [row] = transfers()
    assert (row.decided_at, row.key, downloads()) == (None, "", [])


def test_the_row_of_an_app_with_a_trail_counts_more_than_the_note(log: Log) -> None:
    line = log.line(note=NOTE)
    decide(line, "report.pdf", reason="of the row")
    take(log, line)
    [row] = transfers()
    assert (row.key, row.reason) == ("report.pdf", "of the row")


def test_what_was_pruned_or_forgotten_does_not_come_back(log: Log) -> None:
    take(log, log.line(note=NOTE), log.line(10_000, note=NOTE, subject="8"))
    prune(T0 + timedelta(hours=1), using="default")
    forget("8", using="default")
    [kept] = transfers()
    assert (kept.filename, kept.subject[:10]) == ("", "forgotten-")
    LogPosition.objects.all().delete()
    counted = take(log)
    assert (counted["skipped"], counted["duplicates"], len(transfers())) == (1, 1, 1)


@pytest.mark.parametrize("text", ["a=b&c", "%41;#", "\u2028 \t", "ä" * 600, "a\ud800b", "\0"])
def test_every_key_is_stored_as_a_row_of_the_app_would_have_it(log: Log, text: str) -> None:
    note = decision_note(key=text, reason=text)
    assert note.isascii()
    assert note.isprintable()
    take(log, log.line(note=note))
    [row] = transfers()
    assert row.key in {indexable(text), text.replace("\ud800", "?")}


def test_broken_notes_are_no_reason_to_lose_an_entry(log: Log) -> None:
    notes = [
        "decision:",
        "decision:key",
        "decision:key=%ff%00",
        "decision:=&&;=%",
        "decision:" + "a=b&" * 2000,
    ]
    assert take(log, *(log.line(at, note=note) for at, note in enumerate(notes)))["lines"] == len(notes)
    assert [row.key for row in transfers()] == ["", "", "\ufffd\ufffd", "", ""]
