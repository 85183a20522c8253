"""Let NGINX remember the decisions about files that are shown, and end that as soon as a user or a file changes.

xaccel.django ends it itself when a user signs out.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from portal.files.models import File, Grant
from xaccel.django import revoke

REMEMBERED_S = 30
"""Seconds. A player requests hundreds of ranges of a video in that time."""


class Remembered(TypedDict, total=False):
    """The arguments of `send_file` that let NGINX remember a decision."""

    grant: int
    grant_tags: list[str]


def remembered(file: File) -> Remembered:
    """Return how long NGINX remembers the decision about a file, and what revokes it; nothing without GRANTS."""
    return {"grant": REMEMBERED_S, "grant_tags": [str(file.pk)]} if "GRANTS" in settings.XACCEL else {}


def forget(**named: str) -> None:
    """Revoke it as soon as the change is committed. If an NGINX does not take it, the error is logged."""
    if "GRANTS" in settings.XACCEL:
        transaction.on_commit(lambda: revoke(**named), robust=True)


@receiver(post_delete, sender=Grant)
def forget_file(instance: Grant, **_: Any) -> None:
    """Let the portal decide again about a file that was taken back from a user or a group."""
    forget(tag=str(instance.file_id))


@receiver((post_save, post_delete), sender=User)
def forget_user(instance: User, update_fields: Collection[str] | None = None, **_: Any) -> None:
    """Let the portal decide again about a user who was deactivated or deleted, or whose password was changed."""
    if instance.last_login and {*(update_fields or ())} != {"last_login"}:
        forget(user=str(instance.pk))


@receiver(m2m_changed, sender=User.groups.through)
def forget_members(instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """Let the portal decide again about users who leave a group."""
    if action in ("pre_remove", "pre_clear"):
        users = pk_set or instance.user_set.values_list("pk", flat=True) if reverse else [instance.pk]
        for pk in users:
            forget(user=str(pk))
