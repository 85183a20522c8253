"""The files app."""

from __future__ import annotations

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """The portal's only app. xaccel.audit records what users request."""

    name = "portal.files"
    verbose_name = "Files"
