"""The log of decisions: who asked for what, and what was said."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models

from portal.files.models.file import File


class LogIsAppendOnly(TypeError):
    """An attempt to change or delete a decision."""

    def __init__(self) -> None:
        super().__init__("Decision: rows are only added. The log must stay what was decided.")


class DecisionQuerySet(models.QuerySet["Decision"]):
    """Decisions; they can be read and added."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise LogIsAppendOnly

    def delete(self) -> NoReturn:
        raise LogIsAppendOnly

    update.alters_data = True  # type: ignore[attr-defined]
    delete.alters_data = True  # type: ignore[attr-defined]


class Decision(models.Model):
    """One answer to one request for a file.

    `username` and `file_name` stay when the user or the file is deleted. A request for a file that does not exist
    is logged without one. `reason` says why it was refused, or how the app answered an allowed one itself. People who
    are not signed in are sent to the sign-in page and leave no row.
    """

    at = models.DateTimeField()
    transfer_id = models.CharField(
        max_length=64, blank=True, help_text="Links to NGINX's line; empty where NGINX was not asked."
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="decisions")
    username = models.CharField(max_length=150)
    file = models.ForeignKey(File, models.SET_NULL, null=True, related_name="decisions")
    file_name = models.CharField(max_length=255, blank=True)
    allowed = models.BooleanField()
    reason = models.CharField(max_length=255, blank=True)
    method = models.CharField(max_length=16)
    as_attachment = models.BooleanField(default=False)
    ip = models.GenericIPAddressField("IP address", null=True)
    user_agent = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager[Decision]] = models.Manager.from_queryset(DecisionQuerySet)()

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (
            models.Index(fields=("-at", "-id"), name="decision_by_time"),
            models.Index(fields=("user", "-at"), name="decision_by_user"),
            models.Index(fields=("file", "-at"), name="decision_by_file"),
            models.Index(fields=("transfer_id",), name="decision_by_transfer"),
        )

    def __str__(self) -> str:
        verdict = "allowed" if self.allowed else "refused"
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.username}: {self.file_name or 'no such file'} {verdict}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises LogIsAppendOnly for a row that is stored already."""
        if not self._state.adding:
            raise LogIsAppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise LogIsAppendOnly
