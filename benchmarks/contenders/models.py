"""The documents: each has an owner, who alone may have its file."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.files.storage import storages
from django.db import models


def directory() -> object:
    return storages["directory"]


class Document(models.Model):
    """One file, in the storage and in the directory."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    name = models.CharField(max_length=100, db_index=True)
    file = models.FileField()
    copy = models.FileField(storage=directory)  # type: ignore[arg-type]

    # mypy's plugin knows those of the portal's models only
    objects: ClassVar[models.Manager[Document]] = models.Manager()

    class Meta:
        app_label = "contenders"
