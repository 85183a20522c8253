"""One model whose files lie on the disk and on S3."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import storages
from django.db import models


class Document(models.Model):
    """Somebody's document."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    file = models.FileField()
    scan = models.FileField(storage=storages["bucket"])


class Page(models.Model):
    """A file with all that an archive needs, and one whose columns have its name."""

    file = models.FileField()
    size = models.BigIntegerField(null=True)
    etag = models.CharField(max_length=80, default="", blank=True)
    crc32 = models.BigIntegerField(null=True)
    modified = models.DateTimeField(null=True)
    proof = models.FileField(blank=True)
    proof_size = models.BigIntegerField(null=True)
    proof_etag = models.CharField(max_length=80, default="")
    proof_crc32 = models.BigIntegerField(null=True)
