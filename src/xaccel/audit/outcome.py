"""What became of a decision, in one word."""

from __future__ import annotations

from django.db.models import TextChoices

from xaccel.events import by_the_app


class Outcome(TextChoices):
    """The states of a transfer. GRANTED is left when NGINX's line arrives, or for UNKNOWN after a deadline."""

    GRANTED = "granted", "granted: under way, or its log entry is missing"
    DENIED = "denied", "denied"
    SENT = "sent", "all that was announced was sent"
    INCOMPLETE = "incomplete", "less was sent than announced"
    INEXACT = "inexact", "sent, its end not known"
    HEADERS = "headers", "headers only (HEAD)"
    NOT_MODIFIED = "not_modified", "not modified (304)"
    REFUSED = "refused", "not sent: an error, a condition not met, or the client left"
    UNKNOWN = "unknown", "no log entry: the client left before the hand-off, or the entry was lost"


GAVE_BYTES = frozenset((Outcome.SENT, Outcome.INCOMPLETE, Outcome.INEXACT))
"""Those of transfers that belong to a download."""

FORGED = ("forged", "no_id")
"""`why` of hand-offs that were not the app's: their id and their subject may be anybody's word."""


def without_line(*, allowed: bool, reason: str) -> Outcome:
    """Return what became of a decision that no line of NGINX follows."""
    if not allowed:
        return Outcome.DENIED
    return Outcome.NOT_MODIFIED if reason == by_the_app(304) else Outcome.REFUSED
