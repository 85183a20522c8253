"""Which object a transfer was about, for `manage.py xaccel explain`."""

from __future__ import annotations

from uuid import UUID

from xaccel.audit.models import Transfer


def find_object(transfer_id: str) -> tuple[str, str] | None:
    """Return origin and object key of a recorded transfer; None where it is not recorded."""
    try:
        asked = UUID(transfer_id)
    except ValueError:
        return None
    row = Transfer.objects.filter(id=asked).exclude(key="").values_list("origin", "key").first()
    return None if row is None else (row[0], row[1])
