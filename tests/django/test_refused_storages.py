"""Storages whose files xaccel refuses, since Django reads them otherwise, and how a class says that it does not."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from boto3 import Session
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.functional import LazyObject
from s3transfer.constants import ALLOWED_DOWNLOAD_ARGS
from storages.backends.s3 import S3Storage

from tests.django.storage_files import GET, STORAGE, file_on, s3
from xaccel import ConfigErrors, InputRefused
from xaccel.django import send_file
from xaccel.django.conf import configuration
from xaccel.django.media import AppURLs


class Decrypting(FileSystemStorage):
    def _open(self, name: str, mode: str = "rb") -> Any:
        return ContentFile(bytes(byte ^ 1 for byte in super()._open(name, mode).read()))


class Logging(FileSystemStorage):
    """It says that it reads the stored bytes."""

    xaccel_reads_stored_object = True

    def open(self, name: str, mode: str = "rb") -> Any:
        return super().open(name, mode)


class LoggingInAFolder(Logging):
    base_location = location = "/srv/sub"


class LoggingAndDecrypting(Logging):
    _open = Decrypting._open


class Denying(Logging):
    xaccel_reads_stored_object = False


class Partner(Storage):
    """xaccel does not know it, and NGINX fetches its URL."""

    def url(self, name: str | None) -> str:
        return f"https://files.partner.example/out/{name}"

    def _open(self, name: str, mode: str = "rb") -> Any:
        return ContentFile(b"from the URL")


class DecryptingPartner(Partner):
    def _open(self, name: str, mode: str = "rb") -> Any:
        return ContentFile(b"decrypted")


class PartnerByTheApp(AppURLs, Partner):
    base_url = "/media/"


class DecryptingPartnerByTheApp(AppURLs, DecryptingPartner):
    base_url = "/media/"


class LazyDecrypting(LazyObject):
    def _setup(self) -> None:
        self._wrapped = FileSystemStorage("/srv")

    def open(self, name: str, mode: str = "rb") -> Any:
        return ContentFile(b"decrypted")


@pytest.fixture(autouse=True)
def _origins(site: Callable[..., None]) -> None:
    bucket = {"type": "s3", "bucket": "acme-*", "region": "eu-central-1"}
    partner = {"type": "http", "base_url": "https://files.partner.example/out/"}
    site(ORIGINS={"srv": {"type": "local", "root": "/srv"}, "bucket": bucket, "partner": partner})


def refusal(storage: Any) -> str:
    """Return the error for a file of a storage; "" if it is sent."""
    try:
        send_file(GET, file_on(storage, "7.pdf"))
    except InputRefused as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    ("storage", "overrides"),
    [
        (Decrypting("/srv"), "_open"),
        (LoggingAndDecrypting("/srv"), "_open"),
        (Denying("/srv"), "open"),
        (DecryptingPartner(), "_open"),
        (DecryptingPartnerByTheApp(), "_open"),
        (LazyDecrypting(), "open"),
        (Logging("/srv"), ""),
        (LoggingInAFolder("/srv"), ""),
        (Partner(), ""),
        (PartnerByTheApp(), ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Storage | LazyObject) else value,
)
def test_a_class_that_reads_something_else_is_refused_unless_it_speaks_for_itself(
    storage: Any, overrides: str
) -> None:
    error = refusal(storage)
    assert (f"overrides {overrides}," in error) == bool(overrides), error
    if overrides:
        assert "FileResponse" in error
        assert "xaccel_reads_stored_object = True" in error


def test_a_key_of_such_a_storage_names_the_stored_bytes() -> None:
    assert send_file(GET, "7.pdf", origin="srv")["X-Accel-Redirect"] == "/_xaccel/srv/7.pdf"


class OwnConnection(S3Storage):
    """Its client is made from other keys or for another endpoint, if `own` says so."""

    own: dict[str, Any] = {}  # noqa: RUF012

    @property
    def connection(self) -> Any:
        keys = {
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "endpoint_url": self.endpoint_url,
        }
        keys |= self.own
        session = Session(keys["access_key"], keys["secret_key"])
        return session.resource("s3", endpoint_url=keys["endpoint_url"], region_name=self.region_name)


class OtherKeys(OwnConnection):
    own = {"access_key": "AKIATENANT", "secret_key": "t"}  # noqa: RUF012


class OtherEndpoint(OwnConnection):
    own = {"endpoint_url": "https://minio.example"}  # noqa: RUF012


class KeptByAllThreads(S3Storage):
    """Its bucket is made in one thread and used in others."""

    made: Any = None

    @property
    def bucket(self) -> Any:
        self.made = self.made or self.connection.Bucket(self.bucket_name)
        return self.made


@pytest.mark.parametrize(
    ("cls", "error"),
    [
        (OwnConnection, ""),
        (OtherKeys, "OtherKeys overrides connection"),
        (OtherEndpoint, "OtherEndpoint overrides connection"),
        (KeptByAllThreads, ""),
    ],
)
def test_a_client_is_compared_with_what_xaccel_signs_for(cls: type[Any], error: str) -> None:
    storage, errors = cls(**{**STORAGE, "bucket_name": "acme-one"}), []
    for _ in range(2):
        thread = Thread(target=lambda: errors.append(refusal(storage)))
        thread.start()
        thread.join()
    assert [error in each and bool(error) == bool(each) for each in errors] == [True, True], errors


@pytest.mark.parametrize("cls", [OtherKeys, KeptByAllThreads])
def test_a_client_of_the_class_itself_is_refused_at_start_too(
    site: Any, settings: Any, cls: type[Any]
) -> None:
    """NGINX's configuration has one bucket for all requests."""
    settings.STORAGES = {"default": {"BACKEND": f"{__name__}.{cls.__name__}", "OPTIONS": STORAGE}}
    site(ORIGINS={"docs": {"storage": "default"}})
    with pytest.raises(ConfigErrors, match=r"computes (bucket|connection): the place may change"):
        configuration()


def test_the_bucket_that_django_storages_keeps_is_not_another_tenants() -> None:
    class Computed(S3Storage):
        tenant = "one"
        bucket_name = property(lambda self: f"acme-{self.tenant}", lambda *_: None)

    storage: Any = Computed(**{key: value for key, value in STORAGE.items() if key != "bucket_name"})
    assert refusal(storage) == ""
    assert storage.bucket.name == "acme-one"  # as Django makes it for its first read or upload
    storage.tenant = "two"
    assert "the bucket of its first request serves all requests" in refusal(storage)


@pytest.mark.parametrize("parameter", sorted({*ALLOWED_DOWNLOAD_ARGS} - {"ChecksumMode", "RequestPayer"}))
def test_a_parameter_that_nginx_cannot_send_is_refused(parameter: str) -> None:
    """The list is boto3's, of all parameters with which django-storages reads."""
    bucket = {"bucket_name": "acme-one"}
    assert "NGINX" in refusal(s3(**bucket, object_parameters={parameter: "1"}))
    assert (
        refusal(s3(**bucket, object_parameters={"ContentType": "text/plain", "ChecksumMode": "ENABLED"}))
        == ""
    )


def test_parameters_are_those_of_writing_and_of_reading() -> None:
    calls: list[str] = []

    class Counting(S3Storage):
        def get_object_parameters(self, name: str) -> dict[str, Any]:
            calls.append(name)
            return {}

    assert refusal(Counting(**{**STORAGE, "bucket_name": "acme-one"})) == ""
    assert calls == ["tenant-a/7.pdf", "7.pdf"]  # as django-storages writes, and as it reads
