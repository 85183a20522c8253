"""Values of the trail's columns: outcomes, spans, and times, texts and subjects that both databases can store."""

from __future__ import annotations

import re
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address

from django.db.models import TextChoices

_END_S = 253_402_300_800
"""The year 10000 begins. NGINX logged nothing before 1970, and databases add to times that are later."""
_LONGEST, _KEPT = 1200, 1000
"""Bytes of UTF-8. A bucket's key has at most 1088 with its bucket. PostgreSQL's B-tree holds 2704 bytes a row
(https://www.postgresql.org/docs/current/btree.html): two such texts and a time fit."""
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")

Span = tuple[int, int]
"""The first byte, and the one after the last."""

MOST_SPANS = 1000
"""Separate parts that are remembered for one download. A client with more parts is undercounted."""

FORGED = ("forged", "no_id")
"""`why` of hand-offs that were not the app's: anybody may have chosen their id and their subject."""


class Outcome(TextChoices):
    """The states of a transfer. Only GRANTED changes: when the log entry arrives, or to UNKNOWN after a deadline."""

    GRANTED = "granted", "granted: under way, or its log entry is missing"
    DENIED = "denied", "denied"
    SENT = "sent", "complete: all announced bytes were sent"
    INCOMPLETE = "incomplete", "incomplete: fewer bytes were sent than announced"
    INEXACT = "inexact", "sent, but it is unknown whether completely"
    HEADERS = "headers", "headers only (HEAD)"
    STORED = "stored", "stored: an upload is complete"
    NOT_MODIFIED = "not_modified", "not modified (304)"
    REFUSED = "refused", "not sent: an error, an unmet condition, or the client left"
    UNKNOWN = "unknown", "no log entry: the client left before the hand-off, or the entry was lost"


GAVE_BYTES = frozenset((Outcome.SENT, Outcome.INCOMPLETE, Outcome.INEXACT))
"""Outcomes of transfers that belong to a download."""

is_pseudonym = re.compile("forgotten-[0-9a-f]{16}").fullmatch


def new_pseudonym() -> str:
    """Return a random subject for a user who is forgotten."""
    return f"forgotten-{secrets.token_hex(8)}"


def storable(text: str) -> str:
    """Replace NUL, which PostgreSQL's text cannot hold, and lone surrogates, which no database can, by U+FFFD."""
    return _UNSTORABLE.sub("�", text) if "\0" in text or not text.isascii() else text


def indexable(text: str) -> str:
    """Make a text storable, and cut it if no index can hold it; "…" and half of its SHA-256 are appended."""
    text = storable(text)
    if len(text) * 4 <= _LONGEST:
        return text
    plain = text.encode()
    if len(plain) <= _LONGEST:
        return text
    return f"{plain[:_KEPT].decode('utf-8', 'ignore')}…{sha256(plain).hexdigest()[:32]}"


@lru_cache(maxsize=4096)
def address_of(text: str) -> str | None:
    """Return an IP address in its usual form; None without one. Raises ValueError for another text."""
    if not text or text == "unix:":
        return None
    address = ip_address(text)
    # PostgreSQL's addresses have no zone (RFC 4007 section 11), which means nothing elsewhere.
    return str(getattr(address, "ipv4_mapped", None) or address).partition("%")[0]


def datetime_of(seconds: float) -> datetime:
    """Convert seconds since 1970, as NGINX logs them. Raises ValueError beyond years of four digits."""
    if 0 <= seconds < _END_S:
        return datetime.fromtimestamp(seconds, UTC)
    raise ValueError("a time out of range")


def add_span(spans: Sequence[Span], first: int, end: int) -> tuple[Span, ...]:
    """Return `spans` (sorted, apart from each other) with another one, which is left out beyond MOST_SPANS."""
    if end <= first:
        return tuple(spans)
    if not spans:
        return ((first, end),)
    low = bisect_left(spans, first, key=lambda span: span[1])
    high = bisect_right(spans, end, key=lambda span: span[0])
    if low < high:
        first, end = min(first, spans[low][0]), max(end, spans[high - 1][1])
    joined = (*spans[:low], (first, end), *spans[high:])
    return joined if len(joined) <= MOST_SPANS else tuple(spans)


def covers_all(spans: Sequence[Span], total: int) -> bool:
    """Tell whether `spans` have every byte of a file of `total` bytes; an empty file needs none."""
    return total == 0 or (len(spans) == 1 and spans[0][0] == 0 and spans[0][1] >= total)
