"""Bytes that NGINX counts in `body_bytes` and that are no body: taken off, or the row says that it is not exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import Log
from xaccel.audit.log.entry import LogEntry, NotAnEntry, read_entry
from xaccel.audit.values import Outcome


def read(tmp_path: Path, **fields: Any) -> LogEntry:
    found = read_entry(json.dumps(Log(tmp_path / "log").line(**fields)).encode())
    assert isinstance(found, LogEntry)
    return found


def test_a_whole_file_after_100_continue_is_sent_whole(tmp_path: Path) -> None:
    line = read(tmp_path, body_bytes=125, interim_bytes=25)
    assert (line.sent, line.body_bytes, line.details.exact, line.outcome, line.why) == (
        100,
        100,
        True,
        Outcome.SENT,
        "",
    )


@pytest.mark.parametrize("counted", [0, 24, 25])
def test_nothing_after_100_continue_is_nothing(tmp_path: Path, counted: int) -> None:
    line = read(tmp_path, body_bytes=counted, interim_bytes=25, completion="")
    assert (line.sent, line.body_bytes, line.outcome, line.why) == (
        0,
        0,
        Outcome.INCOMPLETE,
        "client_or_nginx",
    )


def test_a_refusal_before_the_head_is_refused_after_100_continue_too(tmp_path: Path) -> None:
    line = read(tmp_path, body_bytes=25, interim_bytes=25, completion="", why="not_http")
    assert (line.sent, line.outcome) == (0, Outcome.REFUSED)


def test_a_file_that_the_origin_cut_after_100_continue_names_the_origin(tmp_path: Path) -> None:
    line = read(tmp_path, body_bytes=85, interim_bytes=25)
    assert (line.sent, line.details.exact, line.outcome, line.why) == (
        60,
        True,
        Outcome.INCOMPLETE,
        "origin_cut",
    )


def test_one_byte_after_100_continue_is_one_byte(tmp_path: Path) -> None:
    line = read(
        tmp_path,
        status="206",
        body_bytes=26,
        interim_bytes=25,
        sent_length="1",
        content_range="bytes 0-0/100",
        range="bytes=0-0",
    )
    assert (line.first, line.sent, line.details.exact, line.outcome) == (0, 1, True, Outcome.SENT)


def test_a_head_after_100_continue_has_no_body(tmp_path: Path) -> None:
    line = read(tmp_path, method="HEAD", body_bytes=25, interim_bytes=25)
    assert (line.sent, line.body_bytes, line.outcome) == (0, 0, Outcome.HEADERS)


def test_more_than_was_announced_is_what_was_announced(tmp_path: Path) -> None:
    """Trailers over HTTP/3, for one, are counted behind the body."""
    line = read(tmp_path, protocol="HTTP/3.0", body_bytes=130, why="origin_cut")
    assert (line.sent, line.body_bytes, line.details.exact, line.outcome, line.why) == (
        100,
        100,
        True,
        Outcome.SENT,
        "",
    )


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
