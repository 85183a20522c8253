"""The fields of the event."""

from __future__ import annotations

from docs.generated.docstrings import field_table
from xaccel.events import DownloadEvent


def event() -> str:
    """Return the table of the event's fields."""
    return field_table(DownloadEvent)
