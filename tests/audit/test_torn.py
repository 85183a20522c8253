"""An entry that was torn, since a disk was full or a machine crashed, costs no other entry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.audit.conftest import Log, ids, some, take, wanted
from xaccel.audit.log.entry import Piece, parse
from xaccel.audit.models import RejectedLine

pytestmark = pytest.mark.django_db(transaction=True)


def text(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode()


@pytest.mark.parametrize("between", [b"", b"\0" * 4096, b"{"], ids=["alone", "zeros", "brace"])
def test_an_entry_that_follows_one_torn_at_any_byte_is_read(log: Log, between: bytes) -> None:
    torn, following = (text(line) for line in some(log, 2))
    lost = []
    for length in range(len(torn)):
        whole = torn[:length] + between + following
        found = [each.text for each in parse([Piece(whole, 0, len(whole) + 1, whole=True)]) if each.entry]
        lost += [] if found == [following] else [length]
    assert lost == []


def test_blanks_between_entries_and_behind_them_are_not_rejected(log: Log) -> None:
    first, last = (text(line) for line in some(log, 2))
    whole = first + b" \t" + last + b" \r"
    found = [each.text for each in parse([Piece(whole, 0, len(whole) + 1, whole=True)])]
    assert found == [first, last]


def test_several_torn_entries_and_one_that_lost_only_its_end_of_line(log: Log) -> None:
    first, second, third, whole, last = some(log, 5)
    counted = take(log, text(first)[:100], text(second)[:7], text(whole), text(third)[:50], last)
    assert ids() == wanted(whole, last)
    assert (counted["lines"], counted["rejected"]) == (2, 2)
    rows = {row.offset: bytes(row.text) for row in RejectedLine.objects.all()}
    assert rows == {0: text(first)[:100] + text(second)[:7], 107 + len(text(whole)): text(third)[:50]}


@pytest.mark.parametrize("after", [b"\0" * 512, b"no entry", b'}{"'], ids=["zeros", "text", "braces"])
def test_what_follows_a_whole_entry_costs_nothing(log: Log, after: bytes) -> None:
    first, last = some(log, 2)
    counted = take(log, text(first) + after + b"\n", last)
    assert ids() == wanted(first, last)
    assert counted["rejected"] == 1


def test_what_a_client_sent_is_never_taken_for_an_entry(log: Log) -> None:
    """JSON escapes the quotes in a value, so an entry cannot begin inside of one."""
    inner = log.line()
    outer = log.line(1, range=text(inner).decode(), etag="{", cache="{")
    counted = take(log, text(outer)[:-40] + b"\n")
    assert (counted["lines"], counted["rejected"]) == (0, 1)
    assert not ids()
