"""Bytes that NGINX counts in `body_bytes` and that are no body: taken off, or the row says that it is not exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from tests.audit.conftest import Log
from xaccel.audit.log.entry import Details, LogEntry, NotAnEntry, read_entry
from xaccel.audit.values import Outcome


def read(tmp_path: Path, **fields: Any) -> LogEntry:
    return read_entry(json.dumps(Log(tmp_path / "log").line(**fields)).encode())


WITHOUT_INTERIM: dict[str, tuple[dict[str, Any], tuple[int, Outcome, str]]] = {
    "all, NGINX says nothing": ({"completion": ""}, (100, Outcome.SENT, "")),
    "all, the origin cut more": ({"why": "origin_cut"}, (100, Outcome.SENT, "origin_cut")),
    "a part, NGINX is content": ({"body_bytes": 60}, (60, Outcome.INCOMPLETE, "")),
}


@pytest.mark.parametrize(("fields", "said"), WITHOUT_INTERIM.values(), ids=WITHOUT_INTERIM.keys())
def test_without_an_interim_response_the_entry_is_taken_as_it_is(
    tmp_path: Path, fields: dict[str, Any], said: tuple[int, Outcome, str]
) -> None:
    line = read(tmp_path, **fields)
    assert (line.sent, line.outcome, line.why) == said


AFTER_100_CONTINUE: dict[str, tuple[dict[str, Any], tuple[int, Outcome, str]]] = {
    "a whole file": ({"body_bytes": 125}, (100, Outcome.SENT, "")),
    "nothing, not counted": ({"body_bytes": 0, "completion": ""}, (0, Outcome.INCOMPLETE, "client_or_nginx")),
    "nothing, cut": ({"body_bytes": 24, "completion": ""}, (0, Outcome.INCOMPLETE, "client_or_nginx")),
    "nothing": ({"body_bytes": 25, "completion": ""}, (0, Outcome.INCOMPLETE, "client_or_nginx")),
    "a refusal before the head": (
        {"body_bytes": 25, "completion": "", "why": "not_http"},
        (0, Outcome.REFUSED, "not_http"),
    ),
    "a file that the origin cut": ({"body_bytes": 85}, (60, Outcome.INCOMPLETE, "origin_cut")),
    "one byte": (
        {"status": "206", "body_bytes": 26, "sent_length": "1", "content_range": "bytes 0-0/100"},
        (1, Outcome.SENT, ""),
    ),
    "a HEAD": ({"method": "HEAD", "body_bytes": 25}, (0, Outcome.HEADERS, "")),
}


@pytest.mark.parametrize(("fields", "said"), AFTER_100_CONTINUE.values(), ids=AFTER_100_CONTINUE.keys())
def test_an_interim_response_is_not_counted(
    tmp_path: Path, fields: dict[str, Any], said: tuple[int, Outcome, str]
) -> None:
    line = read(tmp_path, interim_bytes=25, **fields)
    assert (line.sent, line.outcome, line.why) == said
    assert (line.body_bytes, line.details.exact) == (line.sent, True)


def test_more_than_was_announced_is_what_was_announced(tmp_path: Path) -> None:
    """Trailers over HTTP/3, for one, are counted behind the body."""
    line = read(tmp_path, protocol="HTTP/3.0", body_bytes=130, why="origin_cut")
    assert (line.sent, line.body_bytes, line.details.exact) == (100, 100, True)
    assert (line.outcome, line.why) == (Outcome.SENT, "")


def test_more_than_was_announced_to_a_client_that_left_is_not_exact(tmp_path: Path) -> None:
    line = read(tmp_path, body_bytes=130, completion="")
    assert (line.sent, line.details.exact, line.outcome) == (100, False, Outcome.INEXACT)


@pytest.mark.parametrize("interim", [-1, 2**63])
def test_an_impossible_number_of_interim_bytes_is_no_line(tmp_path: Path, interim: int) -> None:
    with pytest.raises(NotAnEntry):
        read(tmp_path, interim_bytes=interim)


@pytest.mark.parametrize("fields", [{"body_bytes": 40}, {"sent_length": ""}])
def test_a_transfer_that_ended_early_for_no_known_cause_blames_nobody(tmp_path: Path, fields: Any) -> None:
    """NGINX's entry is the same where a client left and where a worker was ended after a reload."""
    assert read(tmp_path, completion="", **fields).why == "client_or_nginx"
    assert read(tmp_path, completion="", why="slice_failed", **fields).why == "slice_failed"


@pytest.mark.parametrize(
    "field",
    ['"status": "SECRET"', '"ip": "SECRET"', '"origin_seconds": "SECRET"', '"id": "SECRET"', '"ip": "S\xff"'],
)
def test_the_reason_of_a_rejected_line_quotes_nothing_of_it(field: str) -> None:
    text = f'{{"id": "0190163d-8694-739b-aea5-966c26f8ad91", "status": "200", "end": 1, {field}}}'
    with pytest.raises(NotAnEntry) as rejected:
        read_entry(text.encode("latin-1"))
    assert str(rejected.value) in {"ValueError", "UnicodeDecodeError"}


def test_a_field_that_an_entry_lacks_is_empty() -> None:
    """NGINX may have written the entry for an earlier xaccel."""
    entry = read_entry(b'{"id": "0190163d-8694-739b-aea5-966c26f8ad91", "status": "200", "end": 1}')
    assert (entry.method, entry.subject, entry.sent, entry.total, entry.ip) == ("", "", 0, None, None)
    assert entry.started_at == entry.ended_at
    assert asdict(entry.details) == {**asdict(Details()), "exact": False}


@pytest.mark.parametrize(
    ("status", "origin_status", "why", "outcome"),
    [
        ("201", "200", "", Outcome.STORED),
        ("503", "200", "finish_failed", Outcome.STORED),
        ("422", "400", "origin_400", Outcome.REFUSED),
        ("499", "", "client_left", Outcome.REFUSED),
    ],
)
def test_an_upload_is_stored_if_the_storage_says_so(
    status: str, origin_status: str, why: str, outcome: Outcome
) -> None:
    entry = {
        "v": 1,
        "kind": "upload",
        "id": "019aae21-0000-7000-8000-000000000000",
        "method": "PUT",
        "status": status,
        "size": "7",
        "origin_status": origin_status,
        "why": why,
        "end": 1.5,
    }
    line = read_entry(json.dumps(entry).encode())
    assert (line.outcome, line.why, line.total, line.body_bytes) == (outcome, why, 7, 0)
