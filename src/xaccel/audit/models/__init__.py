"""The tables of the audit trail."""

from xaccel.audit.models.trail import (
    OF_THE_APP,
    Download,
    Garbage,
    LogPosition,
    Removal,
    Seal,
    Transfer,
    Untold,
)

__all__ = [
    "OF_THE_APP",
    "Download",
    "Garbage",
    "LogPosition",
    "Removal",
    "Seal",
    "Transfer",
    "Untold",
]
