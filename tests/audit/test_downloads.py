"""Downloads that result from log entries: whole, in parts, again, of another version."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import T0, Log, decide, take
from xaccel.audit.models import Download, Transfer

pytestmark = pytest.mark.django_db(transaction=True)


def downloads() -> list[Any]:
    return list(Download.objects.order_by("opened_at", "id"))


def taken(log: Log, *lines: dict[str, Any], **fields: Any) -> list[Any]:
    for line in lines:
        decide(line, **fields)
    take(log, *lines)
    return downloads()


def test_a_whole_file_is_one_complete_download(log: Log) -> None:
    (found,) = taken(log, log.line())
    assert (found.subject, found.origin, found.key) == ("7", "partner", "report.pdf")
    assert (found.sent_bytes, found.given_bytes, found.total, found.transfers) == (100, 100, 100, 1)
    assert (found.sent_complete, found.spans) == (True, [[0, 100]])
    assert found.opened_at == T0 - timedelta(seconds=1)
    assert found.completed_at == found.last_at == T0


def part(first: int, end: int, at: float = 0.0, **fields: Any) -> dict[str, Any]:
    """Return an entry of a part of 100 bytes."""
    return Log(Path()).part(first, end, 100, at, **fields)


def whole(at: float = 0.0, **fields: Any) -> dict[str, Any]:
    return Log(Path()).line(at, **fields)


BEGUN = {"body_bytes": 10, "completion": ""}
LATER = {"etag": '"v2"'}
IN_CHUNKS = {"sent_length": "", "framing": "chunked", "size": "100", "protocol": "HTTP/2.0"}
UNKNOWN = {"sent_length": "", "framing": "chunked", "body_bytes": 107}
CODED = {"encoding": "gzip", "size": "100"}
YOUNGER = {"last_modified": "Sun, 01 Nov 2026 11:00:00 GMT"}
DOWNLOADS: dict[str, tuple[list[dict[str, Any]], list[tuple[int, bool, int, int]]]] = {
    "a resume in three parts": (
        [
            whole(0, body_bytes=30, completion=""),
            part(30, 100, 10, body_bytes=20, completion=""),
            part(50, 100, 20),
        ],
        [(3, True, 100, 100)],
    ),
    "parts in any order": ([part(50, 100, 1), part(0, 60, 1), part(55, 70, 2)], [(3, True, 100, 125)]),
    "a byte is missing": ([part(0, 99)], [(1, False, 99, 99)]),
    "a new start after the end": ([whole(0), whole(10)], [(1, True, 100, 100)] * 2),
    "a range after the end": ([whole(0), part(40, 60, 5)], [(2, True, 100, 120)]),
    "a second start before the end": ([whole(0, **BEGUN), whole(5)], [(2, True, 100, 110)]),
    "a new start, and a range requested before the end": (
        [whole(10, seconds=10.0), part(0, 30, 25, seconds=5.0), part(40, 60, 30, seconds=25.0)],
        [(2, True, 100, 120), (1, False, 30, 30)],
    ),
    "an empty file": ([whole(body_bytes=0, sent_length="0")], [(1, True, 0, 0)]),
    "another address, not signed in": (
        [part(0, 50, 0, subject=""), part(50, 100, 5, subject="", ip="192.0.2.8")],
        [(1, False, 50, 50)] * 2,
    ),
    "another address, signed in": ([part(0, 50), part(50, 100, 5, ip="192.0.2.8")], [(2, True, 100, 100)]),
    "a part of a new version": ([part(0, 50), part(50, 100, 5, **LATER)], [(1, False, 50, 50)] * 2),
    "a new version": ([part(0, 50), whole(5, **LATER)], [(1, False, 50, 50), (1, True, 100, 100)]),
    "chunks over HTTP/2, of a known size": ([whole(**IN_CHUNKS)], [(1, True, 100, 100)]),
    "parts of another length": (
        [part(0, 50), Log(Path()).part(50, 200, 200, 5), part(50, 100, 9)],
        [(2, True, 100, 100), (1, False, 150, 150)],
    ),
    "parts of two lengths, and a long transfer of none": (
        [part(0, 50, 5), Log(Path()).part(0, 50, 200, 7), whole(9, seconds=20.0, **UNKNOWN)],
        [(2, False, 50, 157), (1, False, 50, 50)],
    ),
    "another object by its date, without an entity tag": (
        [part(0, 50, etag=""), part(50, 100, 5, etag="", **YOUNGER), part(50, 100, 6, etag="")],
        [(2, True, 100, 100), (1, False, 50, 50)],
    ),
    "a coded file, whose size is that without the coding": (
        [whole(0, **CODED, **UNKNOWN), Log(Path()).part(0, 60, 60, 5, **CODED)],
        [(2, True, 60, 167)],
    ),
}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize(("lines", "wanted"), DOWNLOADS.values(), ids=DOWNLOADS.keys())
def test_transfers_are_put_together_to_downloads(
    log: Log, lines: list[dict[str, Any]], wanted: list[tuple[int, bool, int, int]], together: bool
) -> None:
    for some in [lines] if together else [[line] for line in lines]:
        found = taken(log, *some)
    assert [(row.transfers, row.sent_complete, row.sent_bytes, row.given_bytes) for row in found] == wanted


def test_of_parts_at_the_same_time_the_one_that_ends_last_completes(log: Log) -> None:
    lines = [log.part(0, 50, 100, 60, seconds=60), log.part(50, 100, 100, 20, seconds=10)]
    (found,) = taken(log, *lines)
    assert (found.sent_complete, found.completed_at) == (True, T0 + timedelta(seconds=60))


def test_what_began_before_the_end_and_is_not_needed_completes_nothing(log: Log) -> None:
    lines = [log.line(10), log.part(20, 40, 100, 3000, seconds=2995), log.line(60)]
    first, again = taken(log, *lines)
    assert (first.completed_at, again.transfers) == (T0 + timedelta(seconds=10), 1)


def test_a_length_that_is_known_at_last_shows_that_all_was_sent(log: Log) -> None:
    lines = [
        log.part(0, 100, 100, 0, content_range="bytes 0-99/*"),
        # over HTTP/1.1 chunks are not exact, but the app knows the size
        log.line(5, sent_length="", framing="chunked", size="100", body_bytes=107),
    ]
    (found,) = taken(log, *lines)
    assert (found.total, found.sent_complete, found.completed_at) == (100, True, T0 + timedelta(seconds=5))


GONE = {"body_bytes": 0, "completion": ""}
OUTCOMES: list[tuple[str, dict[str, Any]]] = [
    ("headers", {"method": "HEAD", "body_bytes": 0}),
    ("not_modified", {"status": "304", "body_bytes": 0, "sent_length": ""}),
    ("refused", {"status": "416", "body_bytes": 27, "sent_length": "27"}),
    ("refused", {"status": "404", "body_bytes": 11, "sent_length": "11"}),
    ("refused", {"status": "429", "body_bytes": 11, "sent_length": "11", "why": "limited"}),
    ("refused", {"status": "502", "body_bytes": 41, "sent_length": "41", "why": "redirect_refused"}),
    # njs refuses before its head
    ("refused", {"why": "size_differs", "size": "99", **GONE}),
    ("refused", {"why": "size_differs", "size": "99", "method": "HEAD", **GONE}),
    ("refused", {"why": "unframed", "framing": "unframed", "sent_length": "", **GONE}),
    ("refused", {"why": "unasked_part", "status": "206", "content_range": "bytes 0-99/200", **GONE}),
    ("refused", {"why": "bad_part", "status": "206", "range": "bytes=0-99", **GONE}),
    ("refused", {"why": "origin_202", "status": "202", **GONE}),
]


@pytest.mark.parametrize(("outcome", "fields"), OUTCOMES)
def test_what_gives_no_byte_opens_none(log: Log, outcome: str, fields: dict[str, Any]) -> None:
    assert taken(log, log.line(**fields)) == []
    row = Transfer.objects.get()
    assert (row.outcome, row.sent, row.why) == (outcome, 0, fields.get("why", ""))


@pytest.mark.parametrize(
    "fields",
    [
        GONE,
        {"why": "size_differs", "size": "99", "body_bytes": 7, "completion": ""},
        {"why": "origin_cut", "body_bytes": 0},
    ],
    ids=["client gone at once", "client gone on stock NGINX", "origin cut"],
)
def test_a_head_that_went_out_is_no_refusal(log: Log, fields: dict[str, Any]) -> None:
    taken(log, log.line(**fields))
    assert Transfer.objects.get().outcome == "incomplete"


@pytest.mark.parametrize("changed", ["subject", "client", "key", "origin"])
def test_another_person_program_or_file_is_another_download(log: Log, changed: str) -> None:
    first, second = log.part(0, 50, 100, 0), log.part(50, 100, 100, 5)
    decide(first)
    decide(second, **{changed: "other"})
    take(log, first, second)
    assert [found.sent_complete for found in downloads()] == [False, False]


def test_the_apps_own_version_counts_before_the_entity_tag(log: Log) -> None:
    (found,) = taken(
        log, log.part(0, 50, 100, 0), log.part(50, 100, 100, 5, etag='"v2"'), version="identity 1"
    )
    assert found.version == "identity 1"


@pytest.mark.parametrize(
    "fields",
    [
        UNKNOWN,
        {"sent_length": "", "framing": "unframed", "body_bytes": 100, "protocol": "HTTP/1.0"},
        {**IN_CHUNKS, "encoding": "gzip", "body_bytes": 60},
        {"status": "206", "sent_length": "320", "body_bytes": 320, "range": "bytes=0-1,5-6"},
    ],
)
def test_what_is_not_exact_is_marked_and_not_guessed(log: Log, fields: dict[str, Any]) -> None:
    (found,) = taken(log, log.line(**fields))
    assert (found.sent_complete, found.sent_bytes, found.spans) == (False, 0, [])
    transfer = Transfer.objects.get()
    assert (transfer.outcome, transfer.details["exact"], transfer.first) == ("inexact", False, None)
