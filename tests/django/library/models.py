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
