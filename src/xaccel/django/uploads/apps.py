"""The Django application of uploads."""

from __future__ import annotations

from collections.abc import Mapping

from django.apps import AppConfig


class UploadsConfig(AppConfig):
    """`INSTALLED_APPS = ["xaccel.django", "xaccel.django.uploads"]`."""

    name = "xaccel.django.uploads"
    label = "xaccel_uploads"
    verbose_name = "Uploads"
    default_auto_field = "django.db.models.BigAutoField"
    xaccel_commands: Mapping[str, str] = {"sweep": "xaccel.django.uploads.sweep:COMMAND"}
