"""The Django application of share links."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured


class ShareLinksConfig(AppConfig):
    """`INSTALLED_APPS = ["xaccel.django", "xaccel.audit", "xaccel.share_links"]`."""

    name = "xaccel.share_links"
    label = "xaccel_share_links"
    verbose_name = "Share links"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect to the audit trail, which knows how much was sent.

        Raises ImproperlyConfigured without it.
        """
        if not apps.is_installed("xaccel.audit"):
            raise ImproperlyConfigured(
                "xaccel.share_links needs the audit trail, to give uses back. Add 'xaccel.audit' to INSTALLED_APPS."
            )
        from xaccel.audit.signals import post_prune, post_sweep
        from xaccel.share_links import settle

        post_sweep.connect(settle.settle, dispatch_uid="xaccel.share_links.settle")
        post_prune.connect(settle.prune, dispatch_uid="xaccel.share_links.prune")
