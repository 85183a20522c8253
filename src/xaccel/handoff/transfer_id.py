"""The id that links a decision of the app with NGINX's log line: UUID version 7 (RFC 9562 section 5.7)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
"""What NGINX takes for an id, as a regular expression."""

SENT_PATTERN = PATTERN.removesuffix("-[0-9a-f]{12}")
"""What NGINX sends of an id to the origin. The last 48 random bits stay secret: the whole id marks a hand-off."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VARIANT = {digit: f"{int(digit, 16) & 3 | 8:x}" for digit in "0123456789abcdef"}


def new_transfer_id(now: datetime) -> str:
    """Return a new id in the canonical form; later ones sort later, to the millisecond."""
    return transfer_id_at((now - _EPOCH) // _MILLISECOND)


def transfer_id_at(milliseconds: int) -> str:
    """Return a new id for a moment in milliseconds since 1970."""
    time, random = f"{milliseconds & (2**48 - 1):012x}", os.urandom(10).hex()
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"
