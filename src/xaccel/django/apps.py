"""The Django application: it has checks and a command, no models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.core.checks import CheckMessage, register
from django.http import HttpRequest


class XaccelConfig(AppConfig):
    """`INSTALLED_APPS = ["xaccel.django"]`.

    xaccel_commands: the place of each command, by the word after `manage.py xaccel`; workers import none. Other apps of
    xaccel have it too, and that of the trail has `xaccel_finder`: it finds the object of a transfer id, for `explain`.
    """

    name = "xaccel.django"
    label = "xaccel"
    verbose_name = "xaccel"
    xaccel_commands: Mapping[str, object] = {"crc": {"fill": "xaccel.django.crc_fill:COMMAND"}}
    debug_at_start = False

    def ready(self) -> None:
        """Register the checks."""
        # Test runners switch DEBUG off later; the checks need what the project says.
        self.debug_at_start = settings.DEBUG
        user_logged_out.connect(_log_out, dispatch_uid="xaccel.django.grants")
        register(_check, "xaccel")
        register(_check_deployment, "xaccel", deploy=True)


def _log_out(request: HttpRequest | None, user: Any = None, **_: Any) -> None:
    from xaccel.django.conf import configuration

    if configuration().site.grants is not None:
        from xaccel.django import grants  # a site without them does not need it

        grants.log_out(request, user)


def _check(**_: Any) -> list[CheckMessage]:
    from xaccel.django import checks  # workers check nothing

    return [*checks.check_configuration(), *checks.check_middleware()]


def _check_deployment(**_: Any) -> list[CheckMessage]:
    from xaccel.django import checks

    return checks.check_headers()
