"""From django-sendfile2: the same view and settings, with the function of the guide."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.conftest import on_one_build

if TYPE_CHECKING:
    from tests.migration.conftest import Pair

pytestmark = on_one_build

NOBODY = 65534
TEXT = "2026/Bericht 50% + \u56db\u534a\u671f.txt"
GZIPPED = {"type": ("application/x-tar", "application/gzip")}
DECODED = {"name": ("50%.pdf", "50%25.pdf")}
DOUBLED = {"name": ("my __\u56db\u534a\u671f__.pdf", "my _\u56db\u534a\u671f_.pdf")}


@pytest.fixture
def pair(pair_of: Callable[[str], Pair]) -> Pair:
    return pair_of("sendfile2")


def target(path: str = "/send/", **arguments: Any) -> str:
    return f"{path}?q={quote(json.dumps(arguments))}"


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        ({}, {}),
        ({"attachment": True}, {}),
        ({"attachment": True, "attachment_filename": "Bericht \u56db\u534a\u671f.pdf"}, {}),
        ({"attachment": False, "attachment_filename": "shown.pdf"}, {}),
        ({"mimetype": "text/x-log"}, {}),
        ({"filename": TEXT, "attachment": True}, {}),
        ({"filename": TEXT}, {}),
        ({"filename": "data.unknown"}, {}),
        ({"filename": "drawing.svg"}, {}),
        ({"filename": "archive.tar.gz", "attachment": True}, GZIPPED),
        ({"mimetype": "text/plain", "encoding": "gzip"}, {}),
        ({"content_length": 32}, {}),
        ({"filename": "2026/../report.pdf"}, {}),
        ({"attachment": True, "attachment_filename": "later.pdf", "name_is": "lazy"}, {}),
        ({"attachment": True, "attachment_filename": "of a path.pdf", "name_is": "path"}, {}),
        ({"attachment": True, "attachment_filename": "42", "name_is": "number"}, {}),
        ({"attachment": True, "attachment_filename": 'my "q".pdf'}, {}),
        ({"attachment": True, "attachment_filename": "50%25.pdf"}, DECODED),
        ({"attachment": True, "attachment_filename": 'my "\u56db\u534a\u671f".pdf'}, DOUBLED),
    ],
)
def test_a_file_is_the_same_after(pair: Pair, arguments: dict[str, Any], changed: dict[str, Any]) -> None:
    asked = target(**{"filename": "report.pdf", **arguments})
    assert pair.see(asked)[0].status == 200
    assert pair.changes(asked) == changed
    assert pair.changes(asked, "HEAD") == changed


def test_a_file_without_a_name_has_its_own_after(pair: Pair) -> None:
    asked = target("/send/42", filename="report.pdf", attachment=True, attachment_filename=False)
    assert pair.changes(asked) == {"name": ("42.pdf", "report.pdf")}


@pytest.mark.parametrize("wanted", ["bytes=2-5", "bytes=-3", "bytes=3-", "bytes=999-"])
def test_a_range_is_the_same_after(pair: Pair, wanted: str) -> None:
    asked = target(filename="report.pdf")
    assert pair.changes(asked, Range=wanted) == {}
    assert pair.see(asked, headers={"Cookie": "user=staff", "Range": wanted})[1].status == (
        416 if wanted == "bytes=999-" else 206
    )


def test_a_client_that_has_the_file_gets_304_after(pair: Pair) -> None:
    asked = target(filename="report.pdf")
    seen = pair.see(
        asked, headers={"Cookie": "user=staff", "If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"}
    )
    assert [answer.status for answer in seen] == [304, 304]


@pytest.mark.parametrize(
    "filename", ["missing.pdf", "../outside.txt", "2026/../../outside.txt", "", ".", "/etc/hostname"]
)
def test_a_missing_or_outside_file_is_404_after(pair: Pair, filename: str) -> None:
    before, after = pair.see(target(filename=filename))
    assert (before.status, after.status) == (404, 404)


def test_an_absolute_path_is_the_same_after(pair: Pair) -> None:
    asked = target(filename=str(pair.places.media / "protected" / "report.pdf"))
    assert pair.changes(asked) == {}


def test_responses_are_no_cache_after(pair: Pair) -> None:
    before, after = pair.ask(target(filename="report.pdf"))
    assert before.one("Cache-Control") is None
    assert after.one("Cache-Control") == "private, no-cache"


def test_headers_that_a_view_sets_are_not_sent_after(pair: Pair) -> None:
    put = {
        "Content-Type": "text/x-log",
        "Content-Disposition": 'attachment; filename="other.txt"',
        "Cache-Control": "public, max-age=60",
        "Expires": "Tue, 14 Nov 2023 22:13:20 GMT",
    }
    before, after = pair.ask(target(filename="report.pdf", headers=put))
    assert {name: before.one(name) for name in put} == put
    assert {name: after.one(name) for name in put} == {
        "Content-Type": "application/pdf",
        "Content-Disposition": 'inline; filename="report.pdf"',
        "Cache-Control": "private, no-cache",
        "Expires": None,
    }


def test_a_private_cache_control_of_a_view_stays_after(pair: Pair) -> None:
    asked = target(filename="report.pdf", headers={"Cache-Control": "private, max-age=60"})
    assert [answer.one("Cache-Control") for answer in pair.ask(asked)] == ["private, max-age=60"] * 2


def test_a_symbolic_link_to_a_file_of_another_owner_is_404_after(pair: Pair) -> None:
    link = pair.places.media / "protected" / "link"
    if not link.is_symlink():
        link.symlink_to("/etc/passwd")
        if os.geteuid() == 0:  # else the link is ours, and /etc/passwd is root's
            os.lchown(link, NOBODY, NOBODY)
    assert [answer.status for answer in pair.see(target(filename="link"))] == [200, 404]


def test_a_drawing_that_is_shown_is_in_a_sandbox_after(pair: Pair) -> None:
    before, after = pair.ask(target(filename="drawing.svg"))
    assert before.one("Content-Security-Policy") is None
    assert (after.one("Content-Security-Policy") or "").endswith("; sandbox")


def test_nobody_has_a_file_who_had_none(pair: Pair) -> None:
    before, after = pair.see(target(filename="report.pdf"), headers={})
    assert (before.status, after.status) == (403, 403)


def test_the_locations_are_closed_after(pair: Pair) -> None:
    assert [seen.status for seen in pair.see("/protected/report.pdf")] == [404, 404]
    assert [seen.status for seen in pair.see("/_xaccel/protected/report.pdf")] == [404, 404]
