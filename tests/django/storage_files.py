"""Files of FileFields on S3 storages."""

from __future__ import annotations

from typing import Any

from django.test import RequestFactory
from storages.backends.s3 import S3Storage

from tests.django.library.models import Document
from xaccel.django.files.objects import kind_of
from xaccel.site.origins import Origin

GET = RequestFactory().get("/")


def file_on(storage: Any, name: str) -> Any:
    """A FieldFile of a field with this storage."""
    field = Document._meta.get_field("file")
    file = field.attr_class(Document(), field, name)
    file.storage = storage
    return file


def describe(storage: Any) -> Origin:
    """The origin that an entry of ORIGINS means which names the storage."""
    origin: Origin = kind_of(type(storage)).origin_of(storage)
    return origin


def s3(**options: Any) -> S3Storage:
    """The storage of the settings, with other options."""
    return S3Storage(**{**STORAGE, **options})


STORAGE = {
    "bucket_name": "acme-documents",
    "region_name": "eu-central-1",
    "location": "tenant-a",
    "access_key": "AKIAOTHER",
    "secret_key": "other-secret",
}
