"""The Django application of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from django.apps import AppConfig
from django.apps import apps as django_apps

from xaccel.errors import ConfigErrors


class AuditConfig(AppConfig):
    """`INSTALLED_APPS = ["xaccel.django", "xaccel.audit"]`."""

    name = "xaccel.audit"
    label = "xaccel_audit"
    verbose_name = "Downloads"
    default_auto_field = "django.db.models.BigAutoField"
    xaccel_finder = "xaccel.audit.queries:find_object"
    xaccel_commands: Mapping[str, str] = {
        "ingest": "xaccel.audit.ingest.run:INGEST",
        "export": "xaccel.audit.export:EXPORT",
        "prune": "xaccel.audit.retention:PRUNE",
        "forget": "xaccel.audit.retention:FORGET",
        "verify": "xaccel.audit.chain.verify:VERIFY",
        "reconcile": "xaccel.audit.reconcile.compare:RECONCILE",
        "checkpoint": "xaccel.audit.chain.checkpoint:CHECKPOINT",
    }

    def ready(self) -> None:
        """Listen to the app's decisions."""
        from xaccel.audit import record
        from xaccel.audit.settings import audit_settings
        from xaccel.django.decisions import download_authorized, download_denied

        for signal in (download_authorized, download_denied):
            signal.connect(record.record, dispatch_uid="xaccel.audit.record")
        if django_apps.is_installed("xaccel.django.uploads"):
            from xaccel.audit.signals import transfer_completed
            from xaccel.django.uploads.settle import settle_by_entry

            transfer_completed.connect(settle_by_entry, dispatch_uid="xaccel.audit.uploads")
        with suppress(ConfigErrors):  # told at the first use, where a project can run its checks
            if audit_settings().metrics:
                from xaccel.audit.metrics import count_decisions

                count_decisions()
