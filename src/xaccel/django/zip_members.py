"""Take size, entity tag, CRC-32 and date of the members of an archive from the rows of their FileFields."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models.fields.files import FieldFile

from xaccel.archives.members import ZipMember
from xaccel.django.files.objects import Objects
from xaccel.handoff.objects import ObjectRef

KINDS = {"size": int, "etag": str, "crc32": int, "modified": datetime}
"""The columns beside a FileField, by their names: `<field>_crc32`, or `crc32` where the model has one file."""


def column(model: Any, field: str, name: str) -> str:
    """Return the name of a column beside the field of a model, or of a row."""
    own = f"{field}_{name}"
    return own if hasattr(model, own) else name


def filled(member: ZipMember, objects: Objects) -> ZipMember:
    """Return a member with its object, and with what its row has where the app passed nothing.

    Raises as `Objects.find` does.
    """
    file, found = member.file, dict[str, Any]()
    if isinstance(file, FieldFile):
        for name, kind in KINDS.items():
            value = getattr(file.instance, column(file.instance, file.field.name, name), None)
            if getattr(member, name) is None and isinstance(value, kind):
                found[name] = value
    ref = file if isinstance(file, ObjectRef) else objects.find(file, origin=None)
    return replace(member, file=ref, **found)
