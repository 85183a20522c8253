"""From django-downloadview: its views on a disk, on S3 and on a partner's server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.conftest import on_one_build
from tests.migration.conftest import FILES
from tests.migration.seen import STAFF
from xaccel_testing import assert_nothing_leaked

if TYPE_CHECKING:
    from tests.migration.conftest import Pair

pytestmark = on_one_build

PDF = {"type": ("application/pdf; charset=utf-8", "application/pdf")}
BODY = FILES["report.pdf"]


@pytest.fixture
def pair(pair_of: Callable[[str], Pair]) -> Pair:
    return pair_of("downloadview")


@pytest.mark.parametrize("asked", ["/document/1", "/path/report.pdf", "/bucket/report.pdf"])
def test_a_file_is_the_same_after_except_for_a_charset(pair: Pair, asked: str) -> None:
    before, after = pair.see(asked)
    assert (before.status, before.name, before.attachment) == (200, "report.pdf", True)
    assert (after.body, after.name) == (BODY, "report.pdf")
    assert pair.changes(asked) == PDF
    assert pair.changes(asked, "HEAD") == PDF


def test_a_partners_file_is_the_same_after(pair: Pair) -> None:
    assert pair.see("/partner/report.pdf")[0].body == BODY
    assert pair.changes("/partner/report.pdf") == {}
    assert pair.changes("/partner/report.pdf", "HEAD") == {}


@pytest.mark.parametrize(
    "name", ["Bericht \u56db\u534a\u671f.pdf", "minutes; final.pdf", "the \u201cfinal\u201d one.pdf"]
)
def test_a_name_is_the_same_after(pair: Pair, name: str) -> None:
    assert pair.see(f"/document/1?name={quote(name)}")[1].name == name
    assert pair.changes(f"/document/1?name={quote(name)}") == PDF


@pytest.mark.parametrize("asked", ["/document/1", "/bucket/report.pdf"])
def test_responses_are_no_cache_after(pair: Pair, asked: str) -> None:
    before, after = pair.ask(asked)
    assert before.one("Cache-Control") is None
    assert after.one("Cache-Control") == "private, no-cache"


def test_an_inline_file_has_a_name_after(pair: Pair) -> None:
    before, after = pair.see("/inline/1")
    assert (before.name, after.name) == ("1.pdf", "report.pdf"), "saved from the browser"
    assert (before.attachment, after.attachment) == (False, False)


@pytest.mark.parametrize("wanted", ["bytes=2-5", "bytes=-3"])
def test_a_range_of_a_local_file_is_the_same_after(pair: Pair, wanted: str) -> None:
    assert pair.changes("/document/1", Range=wanted) == PDF


@pytest.mark.parametrize("place", ["bucket", "partner"])
def test_a_remote_file_can_be_resumed_after(pair: Pair, place: str) -> None:
    before, after = pair.see(f"/{place}/report.pdf", headers={**STAFF, "Range": "bytes=2-5"})
    assert (before.status, before.body) == (200, BODY)
    assert (after.status, after.body) == (206, BODY[2:6])


@pytest.mark.parametrize(
    ("asked", "was"),
    [
        ("/path/missing.pdf", 404),
        ("/document/99", 404),
        ("/bucket/missing.pdf", 500),
        ("/partner/missing.pdf", 200),
    ],
)
def test_a_missing_file_is_404_after(pair: Pair, asked: str, was: int) -> None:
    before, after = pair.see(asked)
    assert (before.status, after.status) == (was, 404)


def test_a_rule_for_remote_files_does_not_show_the_signature_any_more(pair: Pair) -> None:
    before, after = pair.ask("/ruled/report.pdf")
    assert (before.status, before.body) == (200, BODY)
    shown = before.one("Content-Disposition") or ""
    assert "AWSAccessKeyId=" in shown
    assert "Signature=" in shown
    assert (after.status, after.body) == (200, BODY)
    assert after.one("Content-Disposition") == 'attachment; filename="report.pdf"'
    assert_nothing_leaked(after, pair.places.bucket, pair.places.s3.endpoint, pair.places.s3.access_key)
    with pytest.raises(AssertionError, match="AWSAccessKeyId"):
        assert_nothing_leaked(before, pair.places.s3.access_key)


@pytest.mark.parametrize(
    "asked", ["/document/1", "/path/report.pdf", "/bucket/report.pdf", "/partner/report.pdf"]
)
def test_nobody_has_a_file_who_had_none(pair: Pair, asked: str) -> None:
    before, after = pair.see(asked, headers={})
    assert (before.status, after.status) == (403, 403)
