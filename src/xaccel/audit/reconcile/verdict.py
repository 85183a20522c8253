"""Judge one transfer by what the trail and the store's log say of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import unquote

from xaccel.audit.models import Transfer
from xaccel.audit.outcome import FORGED, GAVE_BYTES, Outcome
from xaccel.events import by_the_app

CACHED = frozenset(("HIT", "STALE", "UPDATING", "REVALIDATED"))
"""Values of `cache` of a response that NGINX had already."""

_NO_BYTES = {
    Outcome.NOT_MODIFIED: "304",
    Outcome.HEADERS: "HEAD",
    Outcome.GRANTED: "no log entry of NGINX yet",
    Outcome.UNKNOWN: "no log entry of NGINX",
}
_MOST_ENCODINGS = 3


class Kind(StrEnum):
    """What a comparison of both logs can find."""

    MATCHED = "matched"
    EXPLAINED = "explained"
    AWAITED = "not in the store's log yet"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of the kinds, and why."""

    kind: Kind
    why: str = ""


@dataclass(slots=True)
class Seen:
    """What the store logged for one transfer.

    delivered: whether a request got bytes. sent: how many in all requests; None if the log does not have them.
    """

    delivered: bool = False
    sent: int | None = 0

    def add(self, *, delivered: bool, sent: int | None) -> None:
        """Count one more request: NGINX sends a request again if a connection fails, and one for each slice."""
        if delivered:
            self.delivered = True
            self.sent = None if self.sent is None or sent is None else self.sent + sent


def judge(row: Transfer, seen: Seen | None, horizon: datetime) -> Verdict:
    """Compare a transfer with what the store logged for it.

    horizon: entries of requests before this time must be in the store's log.
    """
    if not was_handed_off(row):
        return Verdict(Kind.EXPLAINED, "answered by the app, or refused by NGINX")
    gave = (row.body_bytes or 0) if row.outcome in GAVE_BYTES else 0
    if seen is not None and (seen.delivered or not gave):
        return _compared(row, seen, gave)
    if not gave:
        return Verdict(Kind.EXPLAINED, _NO_BYTES.get(Outcome(row.outcome), "no bytes of the file were sent"))
    if row.details.get("cache") in CACHED:
        return Verdict(Kind.EXPLAINED, "from the cache")
    if row.ended_at is None or row.ended_at > horizon:
        return Verdict(Kind.AWAITED)
    return Verdict(
        Kind.CONTRADICTION, f"the user got {gave} bytes, which neither the cache nor the store's log explains"
    )


def _compared(row: Transfer, seen: Seen, gave: int) -> Verdict:
    if seen.sent is None or seen.sent >= gave:
        return Verdict(Kind.MATCHED)
    if row.details.get("cache"):
        return Verdict(Kind.EXPLAINED, "slices from the cache")
    return Verdict(Kind.CONTRADICTION, f"the user got {gave} bytes, and the store sent {seen.sent}")


def was_handed_off(row: Transfer) -> bool:
    """Tell whether NGINX had a valid hand-off. Without one, no request to the store has this id."""
    by_app = row.reason in (by_the_app(304), by_the_app(412))
    return not (row.outcome == Outcome.DENIED or by_app or row.why in FORGED)


def same_key(key: str, logged: str) -> bool:
    """Tell whether both name one object. S3 logs a key percent-encoded, some characters twice, or "+" for a space."""
    return _plain(key) == _plain(logged)


def _plain(key: str) -> str:
    for _ in range(_MOST_ENCODINGS):
        key = unquote(key)
    return key.replace("+", " ")
