"""One model; its files lie on a disk and in a bucket, in the storages that the settings name."""

from __future__ import annotations

from django.core.files.storage import storages
from django.db import models


class Document(models.Model):
    file = models.FileField(storage=storages["disk"])
    scan = models.FileField(storage=storages["bucket"])
