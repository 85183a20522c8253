"""Rows of a project may point to the trail: `ingest` updates rows and deletes none, whatever `on_delete` is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.conftest import Log, decide, take
from tests.audit.models import Note
from xaccel.audit.models import Download, Transfer

pytestmark = pytest.mark.django_db(transaction=True)

ON_DELETE = ["cascade", "set_null", "protect", "do_nothing"]


@pytest.fixture
def note() -> Any:
    return Note.objects.create()


def part(log: Log, at: float, first: int, **fields: Any) -> Any:
    """Ingest a part of 100 bytes, of 1,000, and return its row."""
    line = log.part(first, first + 100, 1000, at, **fields)
    row = decide(line)
    take(log, line)
    row.refresh_from_db()
    return row


def point(note: Any, kind: str, row: Any) -> None:
    """Let each key of a kind point to a row."""
    Note.objects.filter(pk=note.pk).update(**{f"{kind}_{name}": row for name in ON_DELETE})


def pointed_to(note: Any, kind: str) -> list[Any]:
    return list(Note.objects.values_list(*(f"{kind}_{name}" for name in ON_DELETE)).get(pk=note.pk))


@pytest.mark.parametrize("is_forged", [False, True], ids=["of the app", "of a forged entry"])
def test_a_row_that_points_to_a_transfer_stays_when_its_entry_comes(
    log: Log, note: Any, is_forged: bool
) -> None:
    line = log.line()
    if is_forged:
        take(log, {**line, "why": "forged", "status": "404", "origin": "x", "subject": "8"})
    row = Transfer.objects.get() if is_forged else decide(line)
    point(note, "transfer", row)
    take(log, line)
    row.refresh_from_db()
    assert (row.outcome, row.origin, row.subject, row.why) == ("sent", "partner", "7", "")
    assert pointed_to(note, "transfer") == [row.pk] * 4


def test_a_row_that_points_to_a_download_stays_when_its_next_transfer_comes(log: Log, note: Any) -> None:
    first = part(log, 0, 0)
    point(note, "download", first.download)
    assert part(log, 1, 100).download_id == first.download_id
    assert pointed_to(note, "download") == [first.download_id] * 4


def test_rows_that_point_to_two_downloads_point_to_the_one_that_they_become(log: Log) -> None:
    """A transfer that went on all the time shows that two downloads were one."""
    found = [part(log, at, first).download for at, first in ((0, 0), (7200, 100))]
    assert found[0] != found[1]
    notes = [Note.objects.create(only_one=download) for download in found]
    for note, download in zip(notes, found, strict=True):
        point(note, "download", download)
        note.downloads.set(found)
    part(log, 7300, 200, seconds=7290.0)
    one = Download.objects.get()
    assert one.transfers == 3
    for note in notes:
        assert pointed_to(note, "download") == [one.pk] * 4
        assert [*note.downloads.all()] == [one]
    # a key that is unique points to it once
    assert sorted(Note.objects.values_list("only_one", flat=True), key=bool) == [None, one.pk]
