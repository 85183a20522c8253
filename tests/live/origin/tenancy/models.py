"""The tenants, in the schema `public`, and their documents, in their own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection, models
from django_tenants.models import DomainMixin, TenantMixin
from storages.backends.s3 import S3Storage


class TenantS3Storage(S3Storage):
    """A bucket for each tenant."""

    bucket_name = property(lambda _: settings.BUCKET_OF.format(connection.schema_name), lambda *_: None)

    @property
    def bucket(self) -> Any:
        # django-storages would keep the first tenant's.
        return self.connection.Bucket(self.bucket_name)


class Tenant(TenantMixin):
    auto_create_schema = False


class Domain(DomainMixin):
    pass


class Document(models.Model):
    file = models.FileField()
    scan = models.FileField(storage=storages["bucket"])
