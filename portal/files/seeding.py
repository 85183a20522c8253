"""Register users, files and grants; repeating a call changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, User
from django.db import transaction

from portal.files.models import File, Grant
from portal.files.removals import claim


def add_person(
    username: str, password: str, *, full_name: str = "", groups: Iterable[str] = (), superuser: bool = False
) -> User:
    """Return the user of that name, made with `password` unless they exist; groups are made as needed.

    The last word of `full_name` becomes the last name.
    """
    first, _, last = full_name.rpartition(" ")
    user, made = User.objects.get_or_create(
        username=username,
        defaults={"first_name": first, "last_name": last, "is_staff": superuser, "is_superuser": superuser},
    )
    if made:
        user.set_password(password)
        user.save(update_fields=["password"])
    user.groups.add(*(Group.objects.get_or_create(name=name)[0] for name in groups))
    return user


@transaction.atomic
def add_file(
    *,
    key: str,
    name: str,
    size: int,
    sha256: str = "",
    content_type: str | None = None,
    origin: str = "documents",
    folder: str | None = None,
    crc32: int | None = None,
    etag: str = "",
    users: Iterable[str] = (),
    groups: Iterable[str] = (),
    granted_by: User | None = None,
) -> File:
    """Return the File of that object with the given metadata, granted to `users` and `groups` (their names).

    `size` in bytes, `sha256` in lower-case hexadecimal if it is known. With `crc32` and the storage's `etag` the file
    can be in a ZIP. If the file exists, its metadata is set, a `content_type` or `folder` of None stays as it is, and
    the grants are added. If an earlier file of this object was deleted, the object stays from now on. Raises
    ValidationError for bad metadata, DoesNotExist for an unknown user or group.
    """
    claim(origin, key)
    file = File.objects.filter(origin=origin, key=key).first() or File(
        origin=origin, key=key, created_by=granted_by
    )
    file.name, file.size, file.sha256 = name, size, sha256
    if crc32 is not None and etag:
        file.crc32, file.etag = crc32, etag
    if content_type is not None:
        file.content_type = content_type
    if folder is not None:
        file.folder = folder
    file.full_clean()
    file.save()
    for username in users:
        Grant.objects.get_or_create(
            file=file, user=User.objects.get(username=username), defaults={"granted_by": granted_by}
        )
    for group in groups:
        Grant.objects.get_or_create(
            file=file, group=Group.objects.get(name=group), defaults={"granted_by": granted_by}
        )
    return file
