"""The files app."""

from __future__ import annotations

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """Connects the log of decisions to the library's signals."""

    name = "portal.files"
    verbose_name = "Files"

    def ready(self) -> None:
        from portal.files import decision_log

        decision_log.connect()
