"""Values on their short way between lines and rows are those that Python and Django would have made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.audit.conftest import T0, Log, ingested, take
from xaccel.audit.ingest.downloads import State, group_of
from xaccel.audit.models import Download, Transfer
from xaccel.audit.values import datetime_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("seconds", [0.0, 0.000001, 0.25, 59.999999, 86399.123456, 100 * 365 * 86400.000001])
def test_a_moment_is_what_the_line_says_to_the_microsecond(log: Log, seconds: float) -> None:
    ended = T0 + timedelta(seconds=seconds)
    first = log.part(0, 50, 100, seconds, seconds=0.125)
    ingested(log, first)
    second = log.part(50, 100, 100, seconds + 1, seconds=0.5)
    ingested(log, second)
    row = Transfer.objects.get(pk=first["id"])
    assert (row.started_at, row.ended_at) == (ended - timedelta(seconds=0.125), ended)
    (found,) = Download.objects.all()
    assert (found.opened_at, found.last_at) == (row.started_at, ended + timedelta(seconds=1))
    assert Transfer.objects.filter(ended_at=ended).exists()


def test_the_id_of_a_line_may_be_spelled_in_any_way(log: Log) -> None:
    line = log.line()
    log.write({**line, "id": str(line["id"]).upper()}, {**line, "id": UUID(line["id"]).hex}, line)
    assert take(log)["duplicates"] == 2
    assert str(Transfer.objects.get().pk) == line["id"]


@pytest.mark.parametrize(
    "seconds", [float("nan"), float("inf"), -float("inf"), 253_402_300_800, -62_135_596_801]
)
def test_a_moment_in_no_year_of_four_digits_is_none(seconds: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        datetime_of(seconds)


_part = st.text("1a:", max_size=3)
_who = st.tuples(_part, _part, _part, _part, _part, st.sampled_from([None, "192.0.2.1", "192.0.2.2"]))


@given(_who, _who)
@example(("0", "123456710:1234567890", "", "", "", None), ("20:1234567", "1234567890", "", "", "", None))
def test_a_group_is_told_apart_by_each_of_its_parts(one: Any, other: Any) -> None:
    """The address counts only for users who are not signed in."""

    def group(who: Any) -> str:
        *parts, query, ip = who
        return group_of(*parts, ip=ip, query=query)

    same = one[:5] == other[:5] and (bool(one[0]) or one[5] == other[5])
    assert (group(one) == group(other)) == same
    assert group((one[0] or "7", *one[1:5], "192.0.2.1")) == group((one[0] or "7", *one[1:5], None))


def test_a_download_that_joins_two_has_the_numbers_of_both() -> None:
    who = {"subject": "alice", "origin": "docs", "key": "a.mp4", "group": "group"}
    who |= dict.fromkeys(("version", "query", "client"), "")
    first, second = (
        State(id=id_, opened_at=T0, last_at=T0, transfers=transfers, given_bytes=given, pruned=pruned, **who)
        for id_, transfers, given, pruned in (("1", 3, 10, 1), ("2", 5, 20, 2))
    )
    first.join(second)
    assert (first.transfers, first.given_bytes, first.pruned) == (8, 30, 3)
    assert first.joined == ("2",)
