"""Downloads again by clients with several connections: which range belongs to which download."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise, permutations
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.conftest import T0, Log, decide, take
from xaccel.audit.chain.recount import problems
from xaccel.audit.ingest.downloads import Open, State, assign
from xaccel.audit.models import Download, Transfer
from xaccel.audit.values import add_span, covers_all

TOTAL = 300


class Request(NamedTuple):
    """A transfer of the bytes from `first` up to but without `end`; times are seconds after T0."""

    opens: int
    ends: int
    first: int
    end: int


def downloads_of(requests: Sequence[Request]) -> list[list[Request]]:
    """Divide requests as the reference says it, with all of them known."""
    complete_at, spans = None, ()
    for request in sorted(requests, key=lambda each: each.ends):
        spans = add_span(spans, request.first, request.end)
        if covers_all(spans, TOTAL):
            complete_at = request.ends
            break
    after = [each for each in requests if complete_at is not None and each.opens >= complete_at]
    starts = [each.opens for each in after if each.first == 0 and each.end > 0]
    if not starts:
        return [sorted(requests)]
    opens, size = min(starts), -1
    again: list[Request] = []
    while len(again) > size:
        size = len(again)
        again = [each for each in after if each.ends >= opens]
        opens = min(each.opens for each in again)
    rest = list(requests)
    for each in again:
        rest.remove(each)
    return [sorted(rest), *downloads_of(again)]


def assigned(requests: Sequence[Request], batches: Iterable[int]) -> list[list[Request]]:
    """Divide requests as the ingestion does, in batches of these sizes, and the rest one by one."""
    by_id = {f"{number:036}": request for number, request in enumerate(requests)}
    waiting = sorted(by_id, key=lambda id_: (by_id[id_].ends, by_id[id_].opens))
    known: Open = {}

    def part(id_: str) -> State:
        opens, ends, first, end = by_id[id_]
        same = {
            "subject": "7",
            "origin": "o",
            "key": "k",
            "version": "1",
            "query": "",
            "client": "",
            "group": "g",
        }
        return State(
            **same,
            id="",
            opened_at=T0 + timedelta(seconds=opens),
            last_at=T0 + timedelta(seconds=ends),
            transfers=1,
            total=TOTAL,
            given_bytes=end - first,
            spans=((first, end),),
            placed=(id_,),
        )

    sizes = iter(batches)
    while waiting:
        size = next(sizes, 1)
        some, waiting = waiting[:size], waiting[size:]
        assign(map(part, some), known, timedelta(seconds=1800), lambda state: map(part, state.placed))
    states = [state for same in known.values() for state in same]
    for state in states:
        own = [by_id[id_] for id_ in state.placed]
        assert (state.transfers, state.given_bytes) == (len(own), sum(each.end - each.first for each in own))
        assert state.last_at == T0 + timedelta(seconds=max(each.ends for each in own))
        assert state.opened_at == T0 + timedelta(seconds=min(each.opens for each in own))
    return sorted(sorted(by_id[id_] for id_ in state.placed) for state in states)


RANGES = [(0, 100), (100, 200), (200, 300)]


def orders() -> list[list[Request]]:
    """Return a whole download and three ranges after it, which begin and end in each possible order."""
    every = []
    for order in set(permutations([0, 0, 1, 1, 2, 2])):
        times = [[120 + at for at, each in enumerate(order) if each == number] for number in range(3)]
        ranges = [Request(*times[number], *RANGES[number]) for number in range(3)]
        every.append([Request(0, 10, 0, TOTAL), *ranges])
    return sorted(every)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_ranges_belong_to_the_download_that_byte_0_begins_in_each_order(size: int) -> None:
    assert len(orders()) == 90
    for requests in orders():
        assert assigned(requests, [size] * 4) == sorted(downloads_of(requests)), requests


def test_parallel_ranges_of_a_second_download_are_complete_in_each_order() -> None:
    """All three are under way at once: whichever begins or ends first, each download has all of its bytes."""
    for requests in orders():
        ranges = requests[1:]
        if max(each.opens for each in ranges) < min(each.ends for each in ranges):
            assert assigned(requests, [1]) == [requests[:1], sorted(ranges)]


CUTS = [(0, 300), (0, 100, 300), (0, 100, 200, 300), (0, 40, 150, 160, 300)]


@st.composite
def clients(draw: Any) -> list[Request]:
    """Downloads one after the other, each by parallel connections, and ranges of a player at any time."""
    every = []
    for number in range(draw(st.integers(1, 3))):
        cuts = draw(st.sampled_from(CUTS))
        for first, end in pairwise(cuts):
            opens, ends = (20 * number + draw(st.integers(*limits)) for limits in ((0, 4), (5, 15)))
            every.append(Request(opens, ends, first, end))
    for _ in range(draw(st.integers(0, 4))):
        opens, (first, end) = (
            draw(st.integers(0, 70)),
            draw(st.sampled_from([(100, 200), (250, 300), (1, 300)])),
        )
        every.append(Request(opens, opens + draw(st.integers(1, 15)), first, end))
    return every


@settings(max_examples=300, deadline=None)
@given(clients(), st.lists(st.integers(1, 4), max_size=4))
def test_transfers_are_divided_as_the_reference_says(requests: list[Request], batches: list[int]) -> None:
    assert assigned(requests, batches) == sorted(downloads_of(requests))


times = st.tuples(st.integers(0, 40), st.integers(0, 15)).map(lambda pair: (pair[0], sum(pair)))
spans = st.sampled_from([*pairwise(range(0, 301, 100)), (0, 300), (0, 300), (0, 40), (100, 300)])
anything = st.lists(st.builds(lambda at, span: Request(*at, *span), times, spans), min_size=2, max_size=9)


@settings(max_examples=200, deadline=None)
@given(anything, st.lists(st.integers(1, 4), max_size=4))
def test_batches_make_no_difference(requests: list[Request], batches: list[int]) -> None:
    assert assigned(requests, batches) == assigned(requests, [])


def test_small_files_that_take_no_time_are_a_download_each() -> None:
    at_once = [Request(0, 0, 0, TOTAL)] * 3
    assert assigned(at_once, [2]) == [[each] for each in at_once]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", ["partner", "archives"])
@pytest.mark.parametrize("size", [1, 2, 9])
def test_rows_of_a_second_parallel_download_are_right(log: Log, origin: str, size: int) -> None:
    chosen = random.Random(size).sample(orders(), 4)
    for number, requests in enumerate(chosen):
        lines = [
            _line(log, request, subject=str(number)) for request in sorted(requests, key=lambda one: one.ends)
        ]
        for line in lines:
            decide(line, origin=origin)
        for first in range(0, len(lines), size):
            take(log, *lines[first : first + size])
        rows = Download.objects.filter(subject=str(number)).order_by("opened_at")
        wanted = [(len(own), sum(one.end - one.first for one in own)) for own in downloads_of(requests)]
        assert [(row.transfers, row.given_bytes) for row in rows] == wanted
        assert [Transfer.objects.filter(download=row).count() for row in rows] == [len_ for len_, _ in wanted]
    assert list(problems("default", None)) == []


def _line(log: Log, request: Request, **fields: Any) -> dict[str, Any]:
    fields["seconds"] = float(request.ends - request.opens)
    if request.end - request.first == TOTAL:
        return log.line(request.ends, body_bytes=TOTAL, sent_length=str(TOTAL), **fields)
    return log.part(request.first, request.end, TOTAL, request.ends, **fields)
