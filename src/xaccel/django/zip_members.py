"""Take size, entity tag, CRC-32 and date of the members of an archive from the rows of their FileFields."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models.fields.files import FieldFile

from xaccel.django.files.objects import Objects
from xaccel.features.archives.members import ZipMember, require_member
from xaccel.handoff.objects import ObjectRef

KINDS = {"size": int, "etag": str, "crc32": int, "modified": datetime}
"""The columns beside a FileField, by their names: `<field>_crc32`, or `crc32` where the model has one file."""


def column(model: Any, field: str, name: str) -> str:
    """Return the name of a column beside the field of a model, or of a row."""
    own = f"{field}_{name}"
    return own if hasattr(model, own) else name


def filled(member: ZipMember, objects: Objects) -> ZipMember:
    """Return a member with its object, and with what its row has where the app passed nothing.

    Raises as `Objects.find` does, and TypeError for a value that is no `ZipMember`.
    """
    require_member(member)
    file = member.file
    if isinstance(file, ObjectRef):
        return member
    found = {name: getattr(member, name) for name in KINDS}
    if isinstance(file, FieldFile):
        row, field = file.instance, file.field.name
        for name, kind in KINDS.items():
            if found[name] is None:
                value = getattr(row, column(row, field, name), None)
                found[name] = value if isinstance(value, kind) else None
    return ZipMember(objects.find(file, origin=None), name=member.name, **found)
