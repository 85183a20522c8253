"""Each use of a remembered grant is a transfer of its own, with the decision that NGINX remembered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.conftest import Log, decide, take
from xaccel.audit.models import Download, Transfer
from xaccel.handoff.headers import decision_note

pytestmark = pytest.mark.django_db(transaction=True)


def transfers() -> list[Any]:
    return list(Transfer.objects.order_by("ended_at"))


def downloads() -> list[Any]:
    return list(Download.objects.all())


def test_a_decision_and_its_uses_are_one_download(log: Log) -> None:
    """tests/live/grants and tests/demo have 300 uses on a real NGINX."""
    decision = log.part(0, 10, 100)
    decide(decision, reason="of the row")
    note = f"grant:{decision['id']}"
    take(log, decision, *(log.part(10 * at, 10 * at + 10, 100, at, note=note) for at in range(1, 10)))
    rows = transfers()
    said = {(row.subject, row.key, row.filename, row.reason, row.client, row.decided_at) for row in rows}
    assert (len(rows), len(said)) == (10, 1)
    [download] = downloads()
    assert (download.key, download.subject, download.transfers) == ("report.pdf", "7", 10)
    assert download.sent_complete


def test_a_use_has_the_decision_even_before_its_first_entry(log: Log) -> None:
    decision = log.line()
    decide(decision, "report.pdf", reason="of the row")
    take(log, log.part(40, 100, 100, note=f"grant:{decision['id']}"))
    [use] = [row for row in transfers() if row.ended_at]
    assert (use.key, use.reason, use.outcome, use.sent) == ("report.pdf", "of the row", "sent", 60)
    assert use.details["grant"] == decision["id"]


@pytest.mark.parametrize("note", ["grant:", "grant:x", "grant:019aae21-0000-7000-8000-000000000000"])
def test_a_use_of_an_unknown_decision_is_a_transfer_without_one(log: Log, note: str) -> None:
    take(log, log.line(note=note))
    [row] = transfers()
    assert (row.decided_at, row.key, downloads()) == (None, "", [])


def test_a_use_has_the_decision_in_its_note_without_a_trail_in_the_app(log: Log) -> None:
    note = decision_note(key="report.pdf", filename="Report.pdf")
    take(log, log.line(note=f"{note}&grant=019aae21-0000-7000-8000-000000000000"))
    [row] = transfers()
    assert (row.key, row.filename, row.outcome) == ("report.pdf", "Report.pdf", "sent")
    assert row.details["grant"] == "019aae21-0000-7000-8000-000000000000"


def test_a_use_of_a_folder_has_the_object_that_was_sent(log: Log) -> None:
    """The decision has the first one; each object is a download of its own."""
    decision = log.line()
    decide(decision, "film/s1.ts", reason="of the row")
    for number in (2, 3):
        note = f"grant:{decision['id']}&key=film/%C3%BC/s{number}.ts&filename=s{number}.ts"
        log.write(log.part(0, 100, 100, note=note))
    take(log)
    uses = sorted((row for row in transfers() if row.ended_at), key=lambda row: row.key)
    assert [(row.key, row.filename, row.reason) for row in uses] == [
        (f"film/ü/s{number}.ts", f"s{number}.ts", "of the row") for number in (2, 3)
    ]
    assert sorted(download.key for download in downloads()) == ["film/ü/s2.ts", "film/ü/s3.ts"]


def test_a_use_of_a_folder_names_its_object_without_a_trail_in_the_app(log: Log) -> None:
    note = decision_note(key="film/s1.ts", filename="s1.ts", reason="of the note")
    use = "grant=019aae21-0000-7000-8000-000000000000&key=film/s2.ts&filename=s2.ts"
    take(log, log.line(note=f"{note}&{use}"))
    [row] = transfers()
    assert (row.key, row.filename, row.reason) == ("film/s2.ts", "s2.ts", "of the note")
