"""Files of FileFields: the storage is matched to an origin, and nothing is asked of it."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.storage import (
    DefaultStorage,
    FileSystemStorage,
    InMemoryStorage,
    default_storage,
    storages,
)

from tests.django.data_dir import DATA_DIR
from tests.django.library.models import Document
from tests.django.storage_files import GET, describe, file_on, s3
from tests.trip import count_calls
from xaccel import ConfigError, OriginNotAllowed
from xaccel.django import send_file
from xaccel.errors import KeyRefused
from xaccel.signing.signer import _form, _kept
from xaccel.site.origins import S3Origin

BUCKET = {"type": "s3", "region": "eu-central-1"}
STORE_KEYS = {"region": "eu-central-1", "access_key": "AKIAOWN", "secret_key": "own-secret"}


def test_file_on_the_disk_is_named_relative_to_the_storage() -> None:
    document = Document(file="2026/März 1.pdf")
    assert send_file(GET, document.file)["X-Accel-Redirect"] == "/_xaccel/disk/2026/M%C3%A4rz%201.pdf"


def test_disk_is_not_touched() -> None:
    """The media folder does not even exist."""
    assert not (DATA_DIR / "media").exists()
    send_file(GET, Document(file="a.pdf").file)
    assert not (DATA_DIR / "media").exists()


def test_storage_in_a_folder_of_an_origin_keeps_its_folder() -> None:
    storage = FileSystemStorage(location=DATA_DIR / "media" / "invoices")
    assert send_file(GET, file_on(storage, "7.pdf"))["X-Accel-Redirect"] == "/_xaccel/disk/invoices/7.pdf"


@pytest.mark.parametrize("folder", ["media-of-others", "", "media/.."])
def test_storage_beside_the_origin_is_refused(folder: str) -> None:
    storage = FileSystemStorage(location=DATA_DIR / folder)
    with pytest.raises(OriginNotAllowed, match="none of the site's origins"):
        send_file(GET, file_on(storage, "7.pdf"))


@pytest.mark.parametrize("name", ["/etc/passwd", "../settings.py", "a/../../x", "a/./b", "a//b", "a\x00b"])
def test_name_that_leaves_the_directory_is_refused(name: str) -> None:
    with pytest.raises(KeyRefused):
        send_file(GET, file_on(default_storage, name))


@pytest.mark.parametrize("field", ["file", "scan"])
def test_empty_field_is_refused(field: str) -> None:
    """On S3 an empty name would mean the location itself."""
    with pytest.raises(KeyRefused, match="the file field is empty"):
        send_file(GET, getattr(Document(), field))


def test_profile_of_the_storage_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").write_text(
        "[audit]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    storage = s3(access_key=None, secret_key=None, session_profile="audit")
    url = send_file(GET, file_on(storage, "x"))["Xaccel-Url"]
    assert parse_qs(urlsplit(url).query)["X-Amz-Credential"][0].startswith("AKIAPROFILE/")


@pytest.mark.parametrize("name", ["a/./b.pdf", "a/c/../b.pdf", "a//b.pdf", "a\\b.pdf"])
def test_name_on_s3_is_normalised_as_the_storage_does(name: str) -> None:
    storage = s3()
    key = urlsplit(send_file(GET, file_on(storage, name))["Xaccel-Url"]).path
    assert key == urlsplit(storage.url(name)).path == "/tenant-a/a/b.pdf"


def test_name_that_leaves_the_location_is_refused() -> None:
    with pytest.raises(KeyRefused, match="outside"):
        send_file(GET, file_on(s3(), "../tenant-b/x.pdf"))


def test_storage_below_the_origins_prefix_keeps_its_place() -> None:
    url = send_file(GET, file_on(s3(location="tenant-a/scans"), "x.pdf"))["Xaccel-Url"]
    assert urlsplit(url).path == "/tenant-a/scans/x.pdf"


@pytest.mark.parametrize(
    ("style", "base"), [("path", "s3.example:9000/acme"), ("virtual", "acme.s3.example:9000")]
)
def test_endpoint_and_addressing_style_are_the_storages(site: Any, style: str, base: str) -> None:
    site(
        ORIGINS={
            "minio": {
                "type": "s3",
                "bucket": "acme",
                "endpoint_url": "https://s3.example:9000",
                "addressing_style": style,
            }
        }
    )
    storage = s3(bucket_name="acme", endpoint_url="https://s3.example:9000/", addressing_style=style)
    url = send_file(GET, file_on(storage, "x"))["Xaccel-Url"]
    assert url.startswith(f"https://{base}/tenant-a/x?")


def test_origin_with_the_longest_prefix_wins(site: Any) -> None:
    prefixes = {"all": "", "a": "tenant-a/", "b": "tenant-b/"}
    site(
        ORIGINS={name: {**BUCKET, "bucket": "acme-documents", "prefix": prefixes[name]} for name in prefixes}
    )
    assert send_file(GET, file_on(s3(), "x"))["X-Accel-Redirect"] == "/_xaccel/a"
    assert send_file(GET, file_on(s3(location="tenant-c"), "x"))["X-Accel-Redirect"] == "/_xaccel/all"
    assert send_file(GET, file_on(s3(), "x"), origin="all")["X-Accel-Redirect"] == "/_xaccel/all"


TENANTS = {"tenants": {**BUCKET, "bucket": "acme-*"}}


def test_storage_of_a_tenant_is_matched_to_the_pattern(site: Any) -> None:
    site(ORIGINS=TENANTS)
    for bucket in ("acme-one", "acme-two"):
        answer = send_file(GET, file_on(s3(bucket_name=bucket), "x"))
        assert answer["X-Accel-Redirect"] == "/_xaccel/tenants"
        assert answer["Xaccel-Url"].startswith(f"https://{bucket}.s3.eu-central-1.amazonaws.com/tenant-a/x?")
        assert "AKIAOTHER" in answer["Xaccel-Url"]


@pytest.mark.parametrize(
    ("origins", "options"),
    [
        (None, {"location": "tenant-b"}),  # the origin is one tenant's part of the same bucket
        (None, {"bucket_name": "acme-other"}),
        (None, {"region_name": "us-west-2"}),
        (None, {"endpoint_url": "https://minio.example"}),
        (TENANTS, {"bucket_name": "other-one"}),
        (TENANTS, {"bucket_name": "acme-one.two"}),
        (TENANTS, {"bucket_name": "acme-one", "region_name": "us-west-2"}),
        (TENANTS, {"bucket_name": "acme-one", "endpoint_url": "https://minio.example"}),
    ],
)
def test_storage_in_another_place_than_the_origin_is_refused(site: Any, origins: Any, options: Any) -> None:
    if origins:
        site(ORIGINS=origins)
    with pytest.raises(OriginNotAllowed, match="S3Storage"):
        send_file(GET, file_on(s3(**options), "x"))


def test_origin_of_the_bucket_itself_comes_before_the_pattern(site: Any) -> None:
    one = {**BUCKET, "bucket": "acme-one"}
    for name in ("a", "z"):
        site(ORIGINS={**TENANTS, name: one})
        assert send_file(GET, file_on(s3(bucket_name="acme-one"), "x"))["X-Accel-Redirect"].endswith(
            f"/{name}"
        )
        answer = send_file(GET, file_on(s3(bucket_name="acme-one"), "x"), origin="tenants")
        assert answer["X-Accel-Redirect"] == "/_xaccel/tenants"


def test_bucket_is_named_by_the_call_for_a_key(site: Any) -> None:
    site(ORIGINS={"tenants": {"type": "s3", **STORE_KEYS, "bucket": "acme-*"}})
    url = send_file(GET, "x", bucket="acme-one")["Xaccel-Url"]
    assert url.startswith("https://acme-one.s3.eu-central-1.amazonaws.com/x?")
    with pytest.raises(OriginNotAllowed):
        send_file(GET, "x", bucket="other-one")


def test_bucket_given_for_a_file_must_be_its_own(site: Any) -> None:
    site(ORIGINS=TENANTS)
    file = file_on(s3(bucket_name="acme-one"), "x")
    assert send_file(GET, file, bucket="acme-one")["X-Accel-Redirect"] == "/_xaccel/tenants"
    with pytest.raises(OriginNotAllowed, match="'acme-two'"):
        send_file(GET, file, bucket="acme-two")


def test_a_storage_is_not_compared_with_each_origin(site: Any) -> None:
    def calls(count: int) -> int:
        buckets = {f"s{number}": {**BUCKET, "bucket": f"acme-{number}"} for number in range(count)}
        folders = {f"d{number}": {"type": "local", "root": f"/srv/{number}"} for number in range(count)}
        site(ORIGINS={**buckets, **folders})
        files = [
            file_on(s3(bucket_name=f"acme-{count - 1}"), "x"),
            file_on(FileSystemStorage(location=f"/srv/{count - 1}/sub"), "x"),
        ]
        send_file(GET, file_on(s3(bucket_name="acme-1"), "x"))
        for kept in (_kept, _form):
            kept.cache_clear()
        return count_calls(lambda: [send_file(GET, file) for file in files])

    calls(10)
    few, many = calls(10), calls(500)
    assert many <= few * 1.2, f"{few} calls with 20 origins, {many} with 1000"


def test_named_origin_must_hold_the_file() -> None:
    with pytest.raises(OriginNotAllowed, match="'partner'"):
        send_file(GET, file_on(s3(), "x"), origin="partner")


def test_no_client_is_made_and_nothing_is_asked() -> None:
    """The endpoint would refuse the connection."""
    storage = s3()
    send_file(GET, file_on(storage, "x"))
    assert storage._bucket is None
    assert not hasattr(storage._connections, "connection")


def test_storage_of_another_kind_is_refused_with_a_remedy() -> None:
    with pytest.raises(OriginNotAllowed, match=r"InMemoryStorage.*send_file\(request, file.name, origin="):
        send_file(GET, file_on(InMemoryStorage(), "x"))


def test_storage_without_location_is_not_the_working_directory(settings: Any) -> None:
    settings.MEDIA_ROOT = ""
    with pytest.raises(ConfigError, match="MEDIA_ROOT"):
        describe(storages["default"])


def test_storage_without_bucket_is_not_described() -> None:
    with pytest.raises(ConfigError, match="bucket"):
        describe(s3(bucket_name=None))


def test_everything_that_concerns_signing_and_tls_is_read(tmp_path: Path) -> None:
    storage = s3(
        endpoint_url="https://s3.example",
        addressing_style="path",
        security_token="T",
        verify=str(tmp_path / "ca.pem"),
    )
    assert describe(storage) == S3Origin(
        bucket="acme-documents",
        prefix="tenant-a/",
        region="eu-central-1",
        endpoint_url="https://s3.example",
        addressing_style="path",
        access_key="AKIAOTHER",
        secret_key="other-secret",
        session_token="T",
        ca_file=str(tmp_path / "ca.pem"),
    )
    assert describe(s3(verify=False)).verify_tls is False  # type: ignore[union-attr]


def test_lazy_storage_is_the_one_behind_it() -> None:
    for storage in (default_storage, DefaultStorage()):
        assert send_file(GET, file_on(storage, "7.pdf"))["X-Accel-Redirect"] == "/_xaccel/disk/7.pdf"


def test_a_storage_is_not_kept() -> None:
    """A project may make one for each tenant."""
    storage = s3()
    send_file(GET, file_on(storage, "x"))
    kept = weakref.ref(storage)
    del storage
    gc.collect()
    assert kept() is None


def test_changed_media_root_is_seen(site: Any, settings: Any, tmp_path: Path) -> None:
    file = Document(file="a.pdf").file
    send_file(GET, file)
    settings.MEDIA_ROOT = str(tmp_path)
    site(ORIGINS={"moved": {"type": "local", "root": str(tmp_path)}})
    assert send_file(GET, file)["X-Accel-Redirect"] == "/_xaccel/moved/a.pdf"
