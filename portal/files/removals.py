"""Delete the object of a file with the file: its row first, in the transaction of the deletion, then the object.

If the storage does not delete the object at once, the row stays for `manage.py remove_objects`. It is also the lock of
the object: a file that is added again under the same key waits until the old object is deleted, or keeps it.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Sum
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.timezone import now

from portal.files import bucket
from portal.files.models import File, Removal

logger = logging.getLogger(__name__)


def is_deletable(origin: str) -> bool:
    """Tell whether the portal deletes objects of an origin: it does in buckets, and in no other storage."""
    return bool(settings.XACCEL["ORIGINS"].get(origin, {}).get("type") == "s3")


@receiver(post_delete, sender=File)
def remove_with_file(instance: File, using: str, **_: Any) -> None:
    """Store the removal in the transaction of the deletion, and delete the object when that is committed."""
    if is_deletable(instance.origin):
        values = {"size": instance.size, "created_by_id": instance.created_by_id}
        removals = Removal.objects.using(using)
        removals.get_or_create(origin=instance.origin, key=instance.key, defaults=values)
        transaction.on_commit(partial(remove_new, using), using=using, robust=True)


def claim(origin: str, key: str) -> None:
    """Let nothing delete this object until the transaction ends, and forget its removal.

    Call it before the object is stored. The File is locked first, as by a deletion: otherwise both could wait for the
    other.
    """
    list(File.objects.select_for_update().filter(origin=origin, key=key))
    Removal.objects.bulk_create([Removal(origin=origin, key=key)], ignore_conflicts=True)
    removal = Removal.objects.select_for_update().filter(origin=origin, key=key)
    list(removal)
    removal.delete()


def remove_new(using: str) -> None:
    """Delete the objects that nobody has tried to delete. After a failure, the others of the origin are left."""
    rows = Removal.objects.using(using).filter(tried_at=None)
    for origin in rows.order_by("origin").values_list("origin", flat=True).distinct():
        of_origin = rows.filter(origin=origin)
        try:
            for pk in list(of_origin.values_list("pk", flat=True)):
                remove(pk, using)
        except bucket.DeletingFailed as error:
            logger.warning("%s. Run `manage.py remove_objects` when the storage responds.", error)
            of_origin.update(tried_at=now())


def remove(pk: int, using: str) -> None:
    """Delete one object and its row. Raises DeletingFailed, and the row stays."""
    with transaction.atomic(using=using):
        row = Removal.objects.using(using).select_for_update().filter(pk=pk).first()
        if row is None:  # another process deleted the object, or a file has it again
            return
        if not File.objects.using(using).filter(origin=row.origin, key=row.key).exists():
            bucket.delete(row.origin, row.key)
        row.delete()


def used_bytes(user: User) -> int:
    """Return the bytes that a user has in the storage: of files, and of deleted files whose objects are still there.

    The files are counted first: a file that is deleted meanwhile counts twice, and never not at all.
    """
    tables = (File.objects, Removal.objects)
    return sum(rows.filter(created_by=user).aggregate(bytes=Sum("size"))["bytes"] or 0 for rows in tables)
