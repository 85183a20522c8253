"""The id that links a decision of the app with NGINX's log line: UUID version 7 (RFC 9562 section 5.7)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_transfer_id(now: datetime) -> str:
    """Return a new id in the canonical form; later ones sort later, to the millisecond."""
    milliseconds = (now - _EPOCH) // _MILLISECOND & (2**48 - 1)
    random = int.from_bytes(os.urandom(10))
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (2**62 - 1)
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
