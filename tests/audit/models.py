"""Rows of a project that point to the audit trail."""

from __future__ import annotations

from django.db import models
from django.db.models import CASCADE, DO_NOTHING, PROTECT, SET_NULL

from xaccel.audit.models import Download, Transfer


class Note(models.Model):
    """One foreign key for each `on_delete`, and what only one row may have."""

    transfer_cascade = models.ForeignKey(Transfer, CASCADE, null=True, related_name="+")
    transfer_set_null = models.ForeignKey(Transfer, SET_NULL, null=True, related_name="+")
    transfer_protect = models.ForeignKey(Transfer, PROTECT, null=True, related_name="+")
    transfer_do_nothing = models.ForeignKey(Transfer, DO_NOTHING, null=True, related_name="+")
    download_cascade = models.ForeignKey(Download, CASCADE, null=True, related_name="+")
    download_set_null = models.ForeignKey(Download, SET_NULL, null=True, related_name="+")
    download_protect = models.ForeignKey(Download, PROTECT, null=True, related_name="+")
    download_do_nothing = models.ForeignKey(Download, DO_NOTHING, null=True, related_name="+")
    only_one = models.OneToOneField(Download, SET_NULL, null=True, related_name="+")
    downloads = models.ManyToManyField(Download)
