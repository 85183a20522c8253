"""An object has one name in the trail, however it was named: sent alone, denied, in an archive, in earlier rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.storage import storages
from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.test import RequestFactory
from django.views import View

from tests.audit.conftest import Log, run, take
from xaccel import ObjectRef
from xaccel.audit import archives
from xaccel.audit.archives import _digest, _pack, _unpack, deliveries_of, members_of, object_of
from xaccel.audit.models import ArchivePage, Download, Transfer
from xaccel.audit.queries import find_object
from xaccel.django.archives import send_zip
from xaccel.django.conf import configuration
from xaccel.django.decisions import deny_download
from xaccel.django.send_file import send_file
from xaccel.django.views import DownloadView
from xaccel.features.archives.members import ZipMember

pytestmark = pytest.mark.django_db(transaction=True)

S3 = "storages.backends.s3.S3Storage"
KEYS = {"region_name": "eu-central-1", "access_key": "AKIATEST", "secret_key": "s"}


@pytest.fixture(autouse=True)
def _site(settings: Any, tmp_path: Path) -> None:
    settings.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": "/srv/files"},
        },
        "one": {"BACKEND": S3, "OPTIONS": {**KEYS, "bucket_name": "documents", "location": "in"}},
    }
    many = {
        "type": "s3",
        "bucket": "tenant-*",
        "region": "eu-central-1",
        "access_key": "A",
        "secret_key": "s",
    }
    settings.XACCEL = {
        **settings.XACCEL,
        "ORIGINS": {
            "one": {"storage": "one"},
            "many": many,
            "disk": {"storage": "default"},
            "partner": {"type": "http", "base_url": "https://files.example/"},
        },
        "ARCHIVES": {"app": "127.0.0.1:8000", "layouts": str(tmp_path / "layouts")},
        "ALLOW_WITHOUT_NJS": True,
    }
    configuration.cache_clear()


def field_file(alias: str, name: str) -> FieldFile:
    field = FileField(storage=storages[alias])
    field.name = field.attname = "file"
    return FieldFile(None, field, name)


def ref(origin: str, key: str, **more: Any) -> tuple[Any, dict[str, Any]]:
    """Return an object as a member of an archive, and the arguments that send it alone."""
    return ObjectRef(origin, key, **more), {"file_or_key": key, "origin": origin, **more}


def of_field(alias: str, name: str) -> tuple[Any, dict[str, Any]]:
    return field_file(alias, name), {"file_or_key": field_file(alias, name)}


def of_url(url: str) -> tuple[Any, dict[str, Any]]:
    return ObjectRef("partner", url=url), {"file_or_key": None, "origin": "partner", "url": url}


URL = "https://files.example/a%20b.pdf"
LONG = f"https://files.example/{'d/' * 700}k"
OBJECTS: dict[str, tuple[Callable[[], tuple[Any, dict[str, Any]]], str]] = {
    "a FileField, one bucket": (lambda: of_field("one", "docs/a.pdf"), "docs/a.pdf"),
    "a FileField in a directory": (lambda: of_field("default", "a.pdf"), "a.pdf"),
    "a key": (lambda: ref("one", "a.pdf"), "a.pdf"),
    "a key with the name of its bucket": (lambda: ref("one", "documents/a.pdf"), "documents/a.pdf"),
    "a key and its bucket": (lambda: ref("one", "documents/a.pdf", bucket="documents"), "documents/a.pdf"),
    "a key and one of many buckets": (lambda: ref("many", "a.pdf", bucket="tenant-8"), "tenant-8/a.pdf"),
    "a stored URL": (lambda: of_url(URL), "a b.pdf"),
    "a stored URL longer than a column": (lambda: of_url(LONG), ""),
}


def zip_of(log: Log, member: Any) -> Download:
    """Send an archive with `member` to the end, and return its download."""
    whole = ZipMember(member, size=3, crc32=7, etag='"e"')
    response = send_zip(RequestFactory().get("/"), [whole], filename="all.zip", subject="9")
    size, etag = response["Xaccel-Size"], response["Xaccel-Etag"]
    body = {"body_bytes": int(size), "sent_length": size, "etag": etag}
    take(log, log.line(id=response["Xaccel-Id"], origin="archives", subject="9", **body))
    return Download.objects.get(origin="archives")


@pytest.mark.parametrize(("made", "name"), OBJECTS.values(), ids=OBJECTS)
def test_the_key_of_a_transfer_finds_the_object_in_archives(
    log: Log, made: Callable[[], tuple[Any, dict[str, Any]]], name: str
) -> None:
    member, alone = made()
    send_file(RequestFactory().get("/"), **alone)
    row = Transfer.objects.get()
    assert row.key == name or not name
    download = zip_of(log, member)
    assert [(one.download, one.key == row.key, one.whole) for one in deliveries_of(row.origin, row.key)] == [
        (download, True, True)
    ]
    assert [(one.origin, one.key) for one in members_of(download)] == [(row.origin, row.key)]
    assert object_of(download.key, 0) == (row.origin, row.key)
    zipped = Transfer.objects.get(origin="archives")
    assert find_object(str(zipped.pk), 0) == (row.origin, row.key)
    run("verify")


class _Denied(DownloadView):
    def get_object(self) -> Any:
        return None

    def has_permission(self) -> bool:
        return False

    def get_file(self) -> Any:
        return field_file("one", "docs/a.pdf")


def test_a_denied_download_has_the_same_name() -> None:
    request = RequestFactory().get("/")
    view: View = _Denied()
    view.setup(request)
    with pytest.raises(PermissionDenied):
        view.dispatch(request)
    with pytest.raises(PermissionDenied):
        deny_download(request, origin="one", bucket="documents", key="docs/a.pdf")
    with pytest.raises(PermissionDenied):
        deny_download(request, origin="many", bucket="tenant-7", key="a.pdf")
    assert sorted(Transfer.objects.values_list("key", flat=True)) == [
        "docs/a.pdf",
        "docs/a.pdf",
        "tenant-7/a.pdf",
    ]


def make_early(page: ArchivePage) -> None:
    """Rewrite a page as earlier versions stored it: each key with its bucket, and nothing says so."""
    members = _unpack(page.content)
    count = 1 << (page.slot.bit_length() - 1)
    for one in members:
        one.key = f"{one.bucket}/{one.object_key}" if one.bucket else one.key
        page.slot = count + _digest(one.origin, one.key) % count
    early = [list(json.loads(archives._encode(one)))[:-1] for one in members]
    page.content = _pack(early)
    page.save()


@pytest.mark.parametrize(
    "what", ["a FileField, one bucket", "a key and one of many buckets", "a key and its bucket"]
)
def test_archives_that_were_recorded_by_earlier_versions_are_found(log: Log, what: str) -> None:
    made, name = OBJECTS[what]
    member, alone = made()
    send_file(RequestFactory().get("/"), **alone)
    row = Transfer.objects.get()
    download = zip_of(log, member)
    make_early(ArchivePage.objects.get())
    assert [(one.download, one.key) for one in deliveries_of(row.origin, row.key)] == [(download, name)]
    assert object_of(download.key, 0) == (row.origin, name)
    run("verify")
