"""Who may have a file."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from portal.files.models.file import File


class Grant(models.Model):
    """A file given to one user or to one group.

    Every request reads the grants anew, so that a removed one refuses the very next request.
    """

    file = models.ForeignKey(File, models.CASCADE, related_name="grants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="file_grants"
    )
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="file_grants")
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-granted_at", "-pk")
        indexes = (models.Index(fields=("-granted_at",), name="grant_by_time"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True)
                | Q(user__isnull=True, group__isnull=False),
                name="grant_user_xor_group",
                violation_error_message="Choose a user or a group, one of the two.",
            ),
            models.UniqueConstraint(
                fields=("file", "user"),
                name="grant_user_once",
                violation_error_message="This user has the file already.",
            ),
            models.UniqueConstraint(
                fields=("file", "group"),
                name="grant_group_once",
                violation_error_message="This group has the file already.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.file} → {self.user or self.group}"
