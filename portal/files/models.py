"""The tables of the portal: files, and who may have them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import OuterRef, Q, Subquery

from portal.files import content_kind
from xaccel.django import check_file
from xaccel.errors import InputRefused

REFERENCE = ("origin", "key")

shown_as_saved = RegexValidator(
    r"[/\\\u202a-\u202e\u2066-\u2069]",
    "Leave out /, \\ and characters that change the direction of text: the saved file would have another name.",
    inverse_match=True,
)
sha256_hex = RegexValidator(r"^[0-9a-f]{64}\Z", "Write 64 lower-case hexadecimal digits.")


class ReferenceIsFixed(ValueError):
    """An attempt to point an existing File at another object: its grants and its log would mean something else."""

    def __init__(self) -> None:
        super().__init__("File: origin and object key cannot change. Add another file for another object.")


class FileQuerySet(models.QuerySet["File"]):
    """Files, and who may have them."""

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Keep what is granted to `user` or to one of their groups, newest first by `granted_at`, the first grant.

        A superuser needs a grant too, so that the list of grants is complete for everybody who can read it.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        # A plain subquery on the groups' ids keeps the portal independent of a custom user model's relation name.
        grants = Grant.objects.filter(
            Q(user=user.pk) | Q(group__in=Subquery(_group_ids(user.pk))), file=OuterRef("pk")
        )
        first = grants.order_by("granted_at", "pk").values("granted_at")[:1]
        granted = self.annotate(granted_at=Subquery(first)).filter(granted_at__isnull=False)
        return granted.order_by("-granted_at", "name", "pk")

    def with_checksum(self) -> Self:
        """Keep the files that can be in a ZIP archive."""
        return self.filter(crc32__isnull=False)

    def named_like(self, words: str) -> Self:
        """Keep the files whose name holds every one of the words, in any order and case."""
        found = self
        for word in words.split():
            found = found.filter(name__icontains=word)
        return found

    def update(self, **kwargs: Any) -> int:
        if not kwargs.keys().isdisjoint(REFERENCE):
            raise ReferenceIsFixed
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]


def _group_ids(user_pk: Any) -> models.QuerySet[Any, Any]:
    from django.contrib.auth.models import Group

    return Group.objects.filter(user=user_pk).values("pk")


class File(models.Model):
    """A reference to an object in an origin; the portal never holds the bytes.

    With the File, the portal deletes the object too: see `Removal`.

    The primary key is part of addresses, so it is random and cannot be guessed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        max_length=255,
        validators=[shown_as_saved],
        help_text="Shown to users; also the name of the saved file.",
    )
    folder = models.CharField(
        max_length=255, blank=True, default="", help_text="The folder in which users find the file, if any."
    )
    origin = models.CharField(max_length=64, default="documents", help_text="A name in XACCEL['ORIGINS'].")
    key = models.CharField(
        "object key",
        max_length=1024,
        help_text="As the storage has it, not percent-encoded.",
    )
    size = models.PositiveBigIntegerField(help_text="In bytes.")
    content_type = models.CharField(
        max_length=127,
        default="application/octet-stream",
        validators=[RegexValidator(r"^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+(; ?[ -~]+)?\Z")],
    )
    # empty for a file that its user sent to the storage: the portal has not seen the bytes
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, default="", validators=[sha256_hex])
    # what a ZIP archive needs
    crc32 = models.BigIntegerField("CRC-32", null=True, editable=False)
    etag = models.CharField("entity tag", max_length=128, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    objects: ClassVar[models.Manager[File]] = models.Manager.from_queryset(FileQuerySet)()

    class Meta:
        ordering = ("name", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("origin", "key"),
                name="file_object_once",
                violation_error_message="There is a file for this object already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        file = super().from_db(*args, **kwargs)
        file._stored_reference = file._loaded_reference()
        return file

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ReferenceIsFixed when the origin or the key differs from what was stored."""
        if not self._state.adding and self._reference_changed():
            raise ReferenceIsFixed
        super().save(*args, **kwargs)
        self._stored_reference = self._loaded_reference()

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Refuse what `send_file` would refuse at each download, with its own words."""
        errors: dict[str, list[ValidationError]] = {}
        try:
            super().clean_fields(exclude)
        except ValidationError as error:
            errors = error.update_error_dict({})
        known = self.origin in settings.XACCEL["ORIGINS"]
        for field, check in self._checks().items():
            if known and field not in errors and field not in (exclude or ()):
                try:
                    check()
                except InputRefused as refused:
                    errors[field] = [ValidationError(f"{refused.what}. {refused.remedy}")]
        if errors:
            raise ValidationError(errors)

    def _checks(self) -> dict[str, Callable[[], None]]:
        # one field at a time, so that all errors are reported together
        return {
            "key": lambda: check_file(self.key, origin=self.origin),
            "name": lambda: check_file("any", origin=self.origin, filename=self.name),
            "content_type": lambda: check_file("any", origin=self.origin, content_type=self.content_type),
        }

    def clean(self) -> None:
        if self.origin not in settings.XACCEL["ORIGINS"]:
            known = ", ".join(sorted(settings.XACCEL["ORIGINS"]))
            raise ValidationError({"origin": f"No such origin. There are: {known}."})

    def _reference_changed(self) -> bool:
        given = self._loaded_reference()
        stored: dict[str, str] = self.__dict__.get("_stored_reference", {})
        if not given.keys() <= stored.keys():
            # A deferred field that was set later, or an instance made by hand.
            stored = File.objects.values(*REFERENCE).get(pk=self.pk)
        return any(stored[name] != value for name, value in given.items())

    def _loaded_reference(self) -> dict[str, str]:
        # A deferred field is not in __dict__, and reading it here would query the database.
        return {name: self.__dict__[name] for name in REFERENCE if name in self.__dict__}

    @property
    def kind(self) -> content_kind.Kind:
        """The type in words."""
        return content_kind.kind_of(self.content_type)


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


class Removal(models.Model):
    """An object whose File was deleted, until the storage has deleted the object too.

    tried_at: when the storage refused it or did not respond. size and created_by: it counts in this user's quota.
    """

    origin = models.CharField(max_length=64)
    key = models.CharField("object key", max_length=1024)
    size = models.PositiveBigIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    deleted_at = models.DateTimeField(auto_now_add=True)
    tried_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("deleted_at", "pk")
        verbose_name = "object to delete"
        verbose_name_plural = "objects to delete"
        constraints = (models.UniqueConstraint(fields=("origin", "key"), name="removal_object_once"),)

    def __str__(self) -> str:
        return self.key
