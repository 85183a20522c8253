"""Moments as whole microseconds since 1970: what both databases keep, in numbers that compare and add fast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = 0, 253_402_300_800
"""Seconds at which the years 1970 and 10000 begin: nothing was logged before, and databases add to times after."""


class NotAnInstant(ValueError):
    """Raised for a number of seconds before 1970, or in no year of four digits."""


def instant(seconds: float) -> int:
    """Return seconds since 1970, as NGINX writes them, in microseconds.

    Raises NotAnInstant.
    """
    if _FIRST <= seconds < _LAST:
        return round(seconds * 1e6)
    raise NotAnInstant("a time out of range")


def instant_of(at: datetime) -> int:
    """Return an aware datetime in microseconds."""
    return (at - _EPOCH) // _MICROSECOND


def datetime_of(at: int) -> datetime:
    """Return microseconds as a datetime in UTC."""
    return _EPOCH + at * _MICROSECOND


def text_of(at: int) -> str:
    """Return microseconds as ISO 8601 with "+00:00" at the end, as both databases read them.

    datetime.isoformat says the same and takes several times as long; lines that follow each other share a second.
    """
    seconds, rest = divmod(at, 1_000_000)
    return f"{_second(seconds)}.{rest:06}+00:00" if rest else f"{_second(seconds)}+00:00"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(" ")
