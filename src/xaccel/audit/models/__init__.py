"""The tables of the audit trail and of share links."""

from xaccel.audit.models.allowances import Allowance, Reservation
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
    "Allowance",
    "Download",
    "Garbage",
    "LogPosition",
    "Removal",
    "Reservation",
    "Seal",
    "Transfer",
    "Untold",
]
