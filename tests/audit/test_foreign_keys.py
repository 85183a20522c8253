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


def point(note: Any, **to: Any) -> None:
    type(note).objects.filter(pk=note.pk).update(**to)


def is_pointed_to(note: Any, name: str) -> Any:
    return type(note).objects.values_list(name, flat=True).get(pk=note.pk)


@pytest.mark.parametrize("on_delete", ON_DELETE)
def test_a_row_that_points_to_a_transfer_stays_when_its_entry_comes(
    log: Log, note: Any, on_delete: str
) -> None:
    line = log.line()
    row = decide(line)
    point(note, **{f"transfer_{on_delete}": row})
    take(log, line)
    row.refresh_from_db()
    assert row.outcome == "sent"
    assert is_pointed_to(note, f"transfer_{on_delete}") == row.pk


@pytest.mark.parametrize("on_delete", ON_DELETE)
def test_a_row_that_points_to_a_transfer_stays_when_a_forged_entry_is_replaced(
    log: Log, note: Any, on_delete: str
) -> None:
    line = log.line()
    take(log, {**line, "why": "forged", "status": "404", "origin": "x", "subject": "8"})
    row = Transfer.objects.get()
    point(note, **{f"transfer_{on_delete}": row})
    take(log, line)
    row.refresh_from_db()
    assert (row.outcome, row.origin, row.subject, row.why) == ("sent", "partner", "7", "")
    assert is_pointed_to(note, f"transfer_{on_delete}") == row.pk


@pytest.mark.parametrize("on_delete", ON_DELETE)
def test_a_row_that_points_to_a_download_stays_when_its_next_transfer_comes(
    log: Log, note: Any, on_delete: str
) -> None:
    first = part(log, 0, 0)
    point(note, **{f"download_{on_delete}": first.download})
    assert part(log, 1, 100).download_id == first.download_id
    assert is_pointed_to(note, f"download_{on_delete}") == first.download_id


@pytest.mark.parametrize("name", [*(f"download_{name}" for name in ON_DELETE), "only_one", "downloads"])
def test_rows_that_point_to_two_downloads_point_to_the_one_that_they_become(log: Log, name: str) -> None:
    """A transfer that went on all the time shows that two downloads were one."""
    found = [part(log, at, first).download for at, first in ((0, 0), (7200, 100))]
    assert found[0] != found[1]
    notes = [Note.objects.create() for _ in found]
    for note, download in zip(notes, found, strict=True):
        if name == "downloads":
            note.downloads.set(found)
        else:
            point(note, **{name: download})
    part(log, 7300, 200, seconds=7290.0)
    one = Download.objects.get()
    assert one.transfers == 3
    # A key that is unique points to it once.
    expected = [one.pk, None] if name == "only_one" else [one.pk, one.pk]
    assert sorted((is_pointed_to(note, name) for note in notes), key=bool, reverse=True) == expected
