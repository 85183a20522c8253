"""The Django application of share links."""

from __future__ import annotations

from django.apps import AppConfig


class ShareLinksConfig(AppConfig):
    """`INSTALLED_APPS = ["xaccel.django", "xaccel.audit", "xaccel.audit.share_links"]`."""

    name = "xaccel.audit.share_links"
    label = "xaccel_share_links"
    verbose_name = "Share links"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect to the audit trail, which knows how much was sent. Raises RuntimeError if it is not installed."""
        from xaccel.audit.share_links import reserve
        from xaccel.audit.signals import post_prune, post_sweep

        post_sweep.connect(reserve.settle, dispatch_uid="xaccel.audit.share_links.settle")
        post_prune.connect(reserve.delete_settled, dispatch_uid="xaccel.audit.share_links.prune")
