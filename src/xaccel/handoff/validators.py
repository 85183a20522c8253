"""ETag and Last-Modified as the app owns them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime

from xaccel.errors import OptionRefused

_ETAG = re.compile(r'(?:W/)?"[!#-~]*"')
_OPAQUE = re.compile(r"[!#-~]{1,200}")


def etag_header(value: str) -> str:
    """Return an entity tag in quotes; one that has them, or the weak mark, stays (RFC 9110 section 8.8.3).

    Raises OptionRefused for blanks, quotes inside, control characters and non-ASCII.
    """
    if isinstance(value, str) and _ETAG.fullmatch(value):
        return value
    if not isinstance(value, str) or not _OPAQUE.fullmatch(value):
        raise OptionRefused(
            f"{value!r} cannot be an entity tag",
            where="etag",
            remedy="Use printable ASCII without blanks and quotes, for example a checksum in hexadecimal.",
        )
    return f'"{value}"'


def last_modified_header(value: datetime) -> str:
    """Return an HTTP date in whole seconds (RFC 9110 section 5.6.7).

    Raises OptionRefused for a naive datetime, and for what is none.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise OptionRefused(
            f"{value!r} is not a datetime with a time zone",
            where="last_modified",
            remedy="Pass an aware datetime, for example in UTC.",
        )
    return format_datetime(value.astimezone(UTC), usegmt=True)
