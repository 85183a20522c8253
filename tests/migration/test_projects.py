"""Projects on django-sendfile2, django-private-storage and django-downloadview, before and after their guides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.conftest import on_one_build
from tests.migration.conftest import FILES
from tests.migration.seen import STAFF, changes
from xaccel_testing import assert_nothing_leaked

if TYPE_CHECKING:
    from tests.migration.conftest import Pair

pytestmark = on_one_build

NOBODY = 65534
BODY = FILES["report.pdf"]
TEXT = "2026/Bericht 50% + \u56db\u534a\u671f.txt"
NOT_GIVEN: dict[str, str] = {}
READER = {"Cookie": "user=reader"}
SINCE = {**STAFF, "If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"}

SAME: dict[str, tuple[str, str]] = {}
PDF = {"type": ("application/pdf; charset=utf-8", "application/pdf")}
GZIPPED = {"type": ("application/x-tar", "application/gzip")}


def part(wanted: str) -> dict[str, str]:
    return {**STAFF, "Range": f"bytes={wanted}"}


def send(**arguments: Any) -> str:
    """Return the address that calls `sendfile` with these arguments."""
    return f"/send/?q={quote(json.dumps({'filename': 'report.pdf', **arguments}))}"


def save(name: str, **more: Any) -> str:
    return send(attachment=True, attachment_filename=name, **more)


def named(name: str) -> str:
    return f"/document/1?name={quote(name)}"


SENDFILE = [
    (send(), SAME),
    (send(attachment=True), SAME),
    (save("Bericht \u56db\u534a\u671f.pdf"), SAME),
    (send(attachment=False, attachment_filename="shown.pdf"), SAME),
    (send(mimetype="text/x-log"), SAME),
    (send(filename=TEXT, attachment=True), SAME),
    (send(filename=TEXT), SAME),
    (send(filename="data.unknown"), SAME),
    (send(filename="drawing.svg"), SAME),
    (send(filename="archive.tar.gz", attachment=True), GZIPPED),
    (send(mimetype="text/plain", encoding="gzip"), SAME),
    (send(content_length=32), SAME),
    (send(filename="2026/../report.pdf"), SAME),
    (save("later.pdf", name_is="lazy"), SAME),
    (save("of a path.pdf", name_is="path"), SAME),
    (save("42", name_is="number"), SAME),
    (save('my "q".pdf'), SAME),
    (save("50%25.pdf"), {"name": ("50%.pdf", "50%25.pdf")}),
    (
        save('my "\u56db\u534a\u671f".pdf'),
        {"name": ("my __\u56db\u534a\u671f__.pdf", "my _\u56db\u534a\u671f_.pdf")},
    ),
    (
        send(attachment=True, attachment_filename=False).replace("/send/", "/send/42"),
        {"name": ("42.pdf", "report.pdf")},
    ),
]
PRIVATE_STORAGE = [
    *(
        (f"/{place}/{quote(name)}", GZIPPED if name.endswith(".gz") else SAME)
        for place in ("private-media", "remote")
        for name in FILES
    ),
    ("/document/1", SAME),
    (named("Minutes.pdf"), SAME),
    (named("Bericht \u56db\u534a\u671f.pdf"), SAME),
    (named("minutes; final.pdf"), {"name": ("minutes", "minutes; final.pdf")}),
    (named("100%25.pdf"), {"name": ("100%.pdf", "100%25.pdf")}),
]
DOWNLOADVIEW = [
    ("/document/1", PDF),
    ("/path/report.pdf", PDF),
    ("/bucket/report.pdf", PDF),
    ("/partner/report.pdf", SAME),
    *(
        (named(name), PDF)
        for name in ("Bericht \u56db\u534a\u671f.pdf", "minutes; final.pdf", "the \u201cfinal\u201d one.pdf")
    ),
    ("/inline/1", {**PDF, "name": ("1.pdf", "report.pdf")}),
]
DOWNLOADS = [
    *(("sendfile2", *row) for row in SENDFILE),
    *(("private_storage", *row) for row in PRIVATE_STORAGE),
    *(("downloadview", *row) for row in DOWNLOADVIEW),
]


@pytest.mark.parametrize(("package", "target", "changed"), DOWNLOADS)
def test_a_download_changes_as_the_guide_says(
    pair_of: Callable[[str], Pair], package: str, target: str, changed: Mapping[str, tuple[str, str]]
) -> None:
    for method in ("GET", "HEAD"):
        before, after = pair_of(package).see(target, method)
        assert before.status == 200
        assert changes(before, after) == changed


@pytest.mark.parametrize(
    ("package", "target", "headers", "was", "status"),
    [
        *(("sendfile2", send(), part(wanted), 206, 206) for wanted in ("2-5", "-3", "3-")),
        ("sendfile2", send(), part("999-"), 416, 416),
        ("sendfile2", send(), SINCE, 304, 304),
        *(
            ("sendfile2", send(filename=name), STAFF, 404, 404)
            for name in ("missing.pdf", "../outside.txt", "2026/../../outside.txt", "", ".", "/etc/hostname")
        ),
        ("sendfile2", send(), NOT_GIVEN, 403, 403),
        ("sendfile2", "/protected/report.pdf", STAFF, 404, 404),
        ("sendfile2", "/_xaccel/protected/report.pdf", STAFF, 404, 404),
        ("private_storage", "/private-media/report.pdf", part("2-5"), 206, 206),
        ("private_storage", "/private-media/report.pdf", part("999-"), 416, 416),
        ("private_storage", "/private-media/missing.pdf", STAFF, 404, 404),
        ("private_storage", "/remote/missing.pdf", STAFF, 404, 404),
        ("private_storage", "/document/99", STAFF, 404, 404),
        ("private_storage", "/private-media/..%2foutside.txt", STAFF, 400, 404),
        *(
            ("private_storage", target, user, 403, 403)
            for target in ("/private-media/report.pdf", "/remote/report.pdf", "/document/1")
            for user in (NOT_GIVEN, READER)
        ),
        ("downloadview", "/document/1", part("2-5"), 206, 206),
        ("downloadview", "/path/missing.pdf", STAFF, 404, 404),
        ("downloadview", "/document/99", STAFF, 404, 404),
        ("downloadview", "/bucket/missing.pdf", STAFF, 500, 404),
        ("downloadview", "/partner/missing.pdf", STAFF, 200, 404),
        *(
            ("downloadview", target, NOT_GIVEN, 403, 403)
            for target in ("/document/1", "/path/report.pdf", "/bucket/report.pdf", "/partner/report.pdf")
        ),
    ],
)
def test_a_refusal_or_a_part_has_the_status_that_the_guide_says(  # noqa: PLR0917  # a row of the table
    pair_of: Callable[[str], Pair], package: str, target: str, headers: dict[str, str], was: int, status: int
) -> None:
    before, after = pair_of(package).see(target, headers=headers)
    assert (before.status, after.status) == (was, status)
    if status == 206:
        assert (before.body, before.content_range) == (after.body, after.content_range)


@pytest.mark.parametrize(
    ("package", "target"),
    [
        ("private_storage", "/remote/report.pdf"),
        ("downloadview", "/bucket/report.pdf"),
        ("downloadview", "/partner/report.pdf"),
    ],
)
def test_a_remote_file_can_be_resumed_after(
    pair_of: Callable[[str], Pair], package: str, target: str
) -> None:
    before, after = pair_of(package).see(target, headers=part("2-5"))
    assert (before.status, before.body) == (200, BODY), "Django sends it whole"
    assert (after.status, after.body) == (206, BODY[2:6])
    assert after.content_range == f"bytes 2-5/{len(BODY)}"


@pytest.mark.parametrize(
    ("package", "target", "was"),
    [
        ("sendfile2", send(), None),
        ("downloadview", "/document/1", None),
        ("downloadview", "/bucket/report.pdf", None),
        (
            "private_storage",
            "/private-media/report.pdf",
            "max-age=0, no-cache, must-revalidate, proxy-revalidate",
        ),
        ("private_storage", "/remote/report.pdf", "max-age=0, no-cache, must-revalidate, proxy-revalidate"),
    ],
)
def test_no_shared_cache_may_keep_a_file_after(
    pair_of: Callable[[str], Pair], package: str, target: str, was: str | None
) -> None:
    before, after = pair_of(package).ask(target)
    assert before.one("Cache-Control") == was
    assert after.one("Cache-Control") == "private, no-cache"


def test_headers_that_a_view_sets_are_not_sent_after_except_a_private_cache_control(
    pair_of: Callable[[str], Pair],
) -> None:
    put = {
        "Content-Type": "text/x-log",
        "Content-Disposition": 'attachment; filename="other.txt"',
        "Cache-Control": "public, max-age=60",
        "Expires": "Tue, 14 Nov 2023 22:13:20 GMT",
    }
    before, after = pair_of("sendfile2").ask(send(headers=put))
    assert {name: before.one(name) for name in put} == put
    assert {name: after.one(name) for name in put} == {
        "Content-Type": "application/pdf",
        "Content-Disposition": 'inline; filename="report.pdf"',
        "Cache-Control": "private, no-cache",
        "Expires": None,
    }
    private = "private, max-age=60"
    replies = pair_of("sendfile2").ask(send(headers={"Cache-Control": private}))
    assert [reply.one("Cache-Control") for reply in replies] == [private] * 2


def test_an_absolute_path_is_the_same_after(pair_of: Callable[[str], Pair]) -> None:
    pair = pair_of("sendfile2")
    assert changes(*pair.see(send(filename=str(pair.places.media / "protected" / "report.pdf")))) == SAME


def test_a_symbolic_link_to_a_file_of_another_owner_is_404_after(pair_of: Callable[[str], Pair]) -> None:
    pair = pair_of("sendfile2")
    link = pair.places.media / "protected" / "link"
    if not link.is_symlink():
        link.symlink_to("/etc/passwd")
        if os.geteuid() == 0:  # else the link is ours, and /etc/passwd is root's
            os.lchown(link, NOBODY, NOBODY)
    assert [seen.status for seen in pair.see(send(filename="link"))] == [200, 404]


def test_a_drawing_that_is_shown_is_in_a_sandbox_after(pair_of: Callable[[str], Pair]) -> None:
    before, after = pair_of("sendfile2").ask(send(filename="drawing.svg"))
    assert before.one("Content-Security-Policy") is None
    assert (after.one("Content-Security-Policy") or "").endswith("; sandbox")


def test_a_rule_for_remote_files_does_not_show_the_signature_any_more(pair_of: Callable[[str], Pair]) -> None:
    pair = pair_of("downloadview")
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


OWN_STORAGES = """
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only-for-tests",
    INSTALLED_APPS=["xaccel.django", "private_storage"],
    PRIVATE_STORAGE_ROOT="/srv/private",
    AWS_PRIVATE_STORAGE_BUCKET_NAME="private-files",
    AWS_PRIVATE_S3_REGION_NAME="eu-central-1",
    AWS_PRIVATE_S3_ACCESS_KEY_ID="AKIATEST",
    AWS_PRIVATE_S3_SECRET_ACCESS_KEY="test-secret",
    STORAGES={
        "disk": {"BACKEND": "private_storage.storage.files.PrivateFileSystemStorage"},
        "bucket": {"BACKEND": "private_storage.storage.s3boto3.PrivateS3BotoStorage"},
    },
    XACCEL={"ORIGINS": {"private": {"storage": "disk"}, "remote": {"storage": "bucket"}}},
)
django.setup()
from django.core.files.storage import storages
from django.db import models
from django.test import RequestFactory
from private_storage.fields import PrivateFileField
from xaccel.django import send_file
from xaccel_testing import assert_hand_off


class Document(models.Model):
    file = PrivateFileField()
    scan = PrivateFileField(storage=storages["bucket"])

    class Meta:
        app_label = "own"


document = Document(file="a/report.pdf", scan="b/scan.pdf")
request = RequestFactory().get("/")
assert_hand_off(send_file(request, document.file), origin="private", key="a/report.pdf")
assert_hand_off(
    send_file(request, document.scan),
    origin="remote",
    url="https://private-files.s3.eu-central-1.amazonaws.com/b/scan.pdf",
)
print("both are read")
"""


def test_the_packages_own_fields_may_stay() -> None:
    done = subprocess.run([sys.executable, "-c", OWN_STORAGES], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "both are read", done.stderr
