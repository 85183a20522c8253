"""Describe in a few words how much of a file was sent."""

from __future__ import annotations

from xaccel.audit.models import Transfer
from xaccel.audit.values import Outcome

_WORDS = {
    Outcome.GRANTED: "on its way",
    Outcome.SENT: "all of it sent",
    Outcome.INEXACT: "sent",
    Outcome.REFUSED: "the storage did not deliver",
    Outcome.UNKNOWN: "not known how much was sent: you left at once, or the log entry was lost",
}


def sent_share(transfer: Transfer) -> str:
    """Return the words for `transfer`, or "" if there is nothing to say."""
    outcome = Outcome(transfer.outcome)
    if transfer.why == "client_left":
        return "broken off before it began"
    if outcome == Outcome.REFUSED and (transfer.reason or transfer.status == 412):
        return "not sent: the file is another version than the one you have"
    if outcome == Outcome.SENT and transfer.total and (transfer.sent or 0) < transfer.total:
        return "a part of it sent"
    if outcome == Outcome.INCOMPLETE:
        announced = transfer.details.get("sent_length")
        if not transfer.sent or not announced:
            return "broken off"
        return f"broken off after {100 * transfer.sent // announced} %"
    return _WORDS.get(outcome, "")
