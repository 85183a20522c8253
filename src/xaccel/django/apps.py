"""The Django application: it has checks and a command, no models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.conf import settings

if TYPE_CHECKING:
    from xaccel.cli.command import Command, CommandGroup, FindObject

COMMANDS: dict[str, Command | CommandGroup] = {}
"""By the word after `manage.py xaccel`; an application adds its own when Django starts."""

FINDERS: dict[str, FindObject] = {}
"""By the name of the application: from a transfer id to origin and object key, for `explain`."""


def find_object(transfer_id: str) -> tuple[str, str] | None:
    """Return what the first application knows that recorded this transfer; None where none has."""
    found = (find(transfer_id) for find in FINDERS.values())
    return next((place for place in found if place is not None), None)


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
        register(checks.check_regions, "xaccel", deploy=True)
