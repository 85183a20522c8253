"""The files app, and words for the section of django-axes in the admin."""

from __future__ import annotations

from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig


class FilesConfig(AppConfig):
    """The portal's only app. xaccel.audit records what users request."""

    name = "portal.files"
    default = True
    verbose_name = "Files"

    def ready(self) -> None:
        """Connect what ends the decisions that NGINX remembers, and what deletes the objects of files."""
        from portal.files import remembered, removals  # noqa: F401


class SignInConfig(AxesConfig):  # type: ignore[misc]
    """Attempts to sign in, which django-axes counts."""

    verbose_name = "Sign-in attempts"
    default = False
