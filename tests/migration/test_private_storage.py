"""From django-private-storage: its views on a disk behind NGINX, and on S3 through Django."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.conftest import on_one_build
from tests.migration.conftest import FILES

if TYPE_CHECKING:
    from tests.migration.conftest import Pair

pytestmark = on_one_build

TEXT = "2026/Bericht 50% + \u56db\u534a\u671f.txt"
NAMES = list(FILES)


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


@pytest.fixture
def pair(pair_of: Callable[[str], Pair]) -> Pair:
    return pair_of("private_storage")


@pytest.mark.parametrize("place", ["private-media", "remote"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_by_its_path_is_the_same_after(pair: Pair, place: str, name: str) -> None:
    asked = f"/{place}/{quote(name)}"
    assert pair.see(asked)[0].status == 200
    changed = {"type": ("application/x-tar", "application/gzip")} if name.endswith(".gz") else {}
    assert pair.changes(asked) == changed
    assert pair.changes(asked, "HEAD") == changed


def test_a_range_of_a_local_file_is_the_same_after(pair: Pair) -> None:
    for wanted in ("bytes=2-5", "bytes=-3", "bytes=999-"):
        assert pair.changes("/private-media/report.pdf", Range=wanted) == {}


def test_a_remote_file_can_be_resumed_after(pair: Pair) -> None:
    headers = {"Cookie": "user=staff", "Range": "bytes=2-5"}
    before, after = pair.see("/remote/report.pdf", headers=headers)
    assert (before.status, before.body) == (200, FILES["report.pdf"]), "Django sends it whole"
    assert (after.status, after.body) == (206, FILES["report.pdf"][2:6])
    assert after.content_range == f"bytes 2-5/{len(FILES['report.pdf'])}"


@pytest.mark.parametrize("name", [None, "Minutes.pdf", "Bericht \u56db\u534a\u671f.pdf"])
def test_an_object_is_the_same_after(pair: Pair, name: str | None) -> None:
    asked = "/document/1" if name is None else f"/document/1?name={quote(name)}"
    before, after = pair.see(asked)
    assert (before.status, before.attachment, after.name) == (200, True, name or "report.pdf")
    assert pair.changes(asked) == {}
    assert pair.changes(asked, "HEAD") == {}


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("minutes; final.pdf", "minutes"),
        ('the "final" one.pdf', "the _final_ one.pdf"),
        ("100%25.pdf", "100%.pdf"),
    ],
)
def test_a_name_that_was_broken_in_chromium_is_whole_after(pair: Pair, name: str, cut: str) -> None:
    before, after = pair.see(f"/document/1?name={quote(name)}")
    assert after.name == name.replace('"', "_")
    assert before.name == cut


@pytest.mark.parametrize("asked", ["/private-media/report.pdf", "/remote/report.pdf"])
def test_no_shared_cache_may_keep_a_file_after(pair: Pair, asked: str) -> None:
    before, after = pair.ask(asked)
    assert before.one("Cache-Control") == "max-age=0, no-cache, must-revalidate, proxy-revalidate"
    assert after.one("Cache-Control") == "private, no-cache"


@pytest.mark.parametrize("asked", ["/private-media/missing.pdf", "/remote/missing.pdf", "/document/99"])
def test_a_missing_file_is_404_after(pair: Pair, asked: str) -> None:
    before, after = pair.see(asked)
    assert (before.status, after.status) == (404, 404)


def test_a_path_that_leaves_the_storage_is_404_instead_of_400(pair: Pair) -> None:
    before, after = pair.see("/private-media/..%2foutside.txt")
    assert (before.status, after.status) == (400, 404)


@pytest.mark.parametrize("asked", ["/private-media/report.pdf", "/remote/report.pdf", "/document/1"])
@pytest.mark.parametrize("headers", [{}, {"Cookie": "user=reader"}])
def test_nobody_has_a_file_who_had_none(pair: Pair, asked: str, headers: dict[str, str]) -> None:
    before, after = pair.see(asked, headers=headers)
    assert (before.status, after.status) == (403, 403)
