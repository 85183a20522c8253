"""Which object a transfer was about, for `manage.py xaccel explain`."""

from __future__ import annotations


def find_transfer(transfer_id: str) -> tuple[str, str] | None:
    """Return origin and object key of the file in the log of decisions, None where it is not there any more."""
    from portal.files.models import Decision

    decision = Decision.objects.select_related("file").filter(transfer_id=transfer_id).first()
    if decision is None or decision.file is None:
        return None
    return decision.file.origin, decision.file.key
