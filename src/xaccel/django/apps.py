"""The Django application: it has checks and a command, no models."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

COMMANDS: dict[str, str] = {}
"""By the word after `manage.py xaccel`: where the command is, for `pkgutil.resolve_name`. An application adds its own
when Django starts, and workers import none."""

FINDERS: list[str] = []
"""Where a function is that finds origin and object key of a transfer id, for `explain`. An application that records
transfers adds its own."""


class XaccelConfig(AppConfig):
    """`INSTALLED_APPS = ["xaccel.django"]`."""

    name = "xaccel.django"
    label = "xaccel"
    verbose_name = "xaccel"
    debug_at_start = False

    def ready(self) -> None:
        """Register the checks."""
        from django.core.checks import register

        from xaccel.django import checks

        # Test runners switch DEBUG off later; the checks need what the project says.
        self.debug_at_start = settings.DEBUG
        register(checks.check_configuration, "xaccel")
        register(checks.check_middleware, "xaccel")
        register(checks.check_log, "xaccel", deploy=True)
        register(checks.check_headers, "xaccel", deploy=True)
