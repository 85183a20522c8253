"""How much of a download went out, in a few words."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from portal.files.models import Decision
from xaccel.audit.models import Transfer
from xaccel.audit.outcome import Outcome

_WORDS = {
    Outcome.GRANTED: "on its way",
    Outcome.SENT: "all of it sent",
    Outcome.INEXACT: "sent",
    Outcome.REFUSED: "the storage did not deliver",
    Outcome.UNKNOWN: "not known how much was sent: you left at once, or the log entry was lost",
}


def sent_shares(decisions: Iterable[Decision]) -> dict[str, str]:
    """Return the words for each of `decisions` that NGINX was to carry out, by transfer id."""
    ids = [UUID(decision.transfer_id) for decision in decisions if decision.transfer_id]
    return {str(transfer.pk): _words(transfer) for transfer in Transfer.objects.filter(pk__in=ids)}


def _words(transfer: Transfer) -> str:
    outcome = Outcome(transfer.outcome)
    if transfer.why == "client_left":
        return "broken off before it began"
    if outcome == Outcome.SENT and transfer.total and (transfer.sent or 0) < transfer.total:
        return "a part of it sent"
    if outcome == Outcome.INCOMPLETE:
        if not transfer.sent or not transfer.sent_length:
            return "broken off"
        return f"broken off after {100 * transfer.sent // transfer.sent_length} %"
    return _WORDS.get(outcome, "")
