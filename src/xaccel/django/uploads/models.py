"""The table of uploads, each reserved before its first byte comes."""

from __future__ import annotations

from django.db import models, router
from django.db.models import Q, QuerySet


class State(models.TextChoices):
    """The state of an upload."""

    OPEN = "open", "reserved: its end is not known yet"
    STORED = "stored", "stored"
    RELEASED = "released", "not stored; its object, if one appears, is deleted by the next sweep"
    GONE = "gone", "not stored, and the storage has no object"


class Account(models.Model):
    """The owner of a quota and of limits. The row is the lock under which their uploads are counted."""

    name = models.CharField(max_length=255, unique=True)
    uploads = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "xaccel_upload_account"


class Upload(models.Model):
    """One upload, from the reservation on.

    id: of the log entry and of the trail. key: made by xaccel. content_type: of the object.
    crc32: in Base64; "" if the client sent none. etag: of the object that is stored. account: name of the `Account`.
    on_stored: the name of a function, which gets this row when the object is stored. context: the app's own values.

    An upload in parts has a `path`, where it goes on; others have none of the following. multipart: its id at S3.
    parts: those that are stored: number at S3, size, CRC-32, entity tag. offset: their bytes. requests: those that
    appended, whatever came of it. active_at: of the last one.
    """

    id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    origin = models.CharField(max_length=30)
    bucket = models.CharField(max_length=63)
    key = models.CharField(max_length=1024)
    size = models.PositiveBigIntegerField()
    content_type = models.CharField(max_length=255)
    crc32 = models.CharField(max_length=8)
    etag = models.TextField(default="")
    subject = models.TextField()
    account = models.CharField(max_length=255)
    on_stored = models.TextField()
    context = models.JSONField(default=dict)
    made_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    path = models.TextField(default="")
    multipart = models.TextField(default="")
    offset = models.PositiveBigIntegerField(default=0)
    parts = models.JSONField(default=list)
    requests = models.PositiveIntegerField(default=0)
    active_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "xaccel_upload"
        indexes = (
            models.Index(fields=["account", "-made_at"], name="xaccel_upload_account_time"),
            models.Index(fields=["-made_at"], name="xaccel_upload_time"),
            models.Index(
                fields=["made_at"],
                condition=Q(state__in=[State.OPEN, State.RELEASED]),
                name="xaccel_upload_unsettled",
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def crc32_number(self) -> int | None:
        """The CRC-32 as `zlib.crc32` returns it, for ZIP archives; None if the client sent none."""
        from xaccel.features.archives.crc import number_of  # not every upload is for archives

        return number_of(self.crc32) if self.crc32 else None


def uploads(**conditions: object) -> QuerySet[Upload]:
    """Return the uploads with these conditions, in the database that they are written to."""
    return Upload.objects.using(router.db_for_write(Upload)).filter(**conditions)
