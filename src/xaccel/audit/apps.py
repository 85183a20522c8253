"""The Django application of the audit trail."""

from __future__ import annotations

from contextlib import suppress

from django.apps import AppConfig

from xaccel.errors import ConfigErrors


class AuditConfig(AppConfig):
    """`INSTALLED_APPS = ["xaccel.django", "xaccel.audit"]`."""

    name = "xaccel.audit"
    label = "xaccel_audit"
    verbose_name = "Downloads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the app's decisions, and add the commands."""
        from xaccel.audit import commands
        from xaccel.audit.conf import configuration
        from xaccel.audit.decision import recorder
        from xaccel.audit.find_object import find_object
        from xaccel.django import command_table
        from xaccel.django.signals import download_authorized, download_denied

        for signal in (download_authorized, download_denied):
            signal.connect(recorder.record, dispatch_uid="xaccel.audit.decision.recorder")
        command_table.COMMANDS.update(commands.COMMANDS)
        command_table.FINDERS[self.name] = find_object
        with suppress(ConfigErrors):  # told at the first use, where a project can run its checks
            if configuration().metrics:
                from xaccel.audit.metrics import count_decisions

                count_decisions()
