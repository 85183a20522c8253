"""Describe in a few words how much of a file was sent."""

from __future__ import annotations

from xaccel.audit import Download, Outcome, Transfer

_WORDS = {
    Outcome.GRANTED: "in progress",
    Outcome.SENT: "complete",
    Outcome.INEXACT: "sent",
    Outcome.REFUSED: "failed: the storage did not deliver the file",
    Outcome.UNKNOWN: "unknown: you left at once, or the log entry was lost",
}


def sent_share(transfer: Transfer) -> str:
    """Return the words for `transfer` and the other transfers of its download, or "" if there is nothing to say."""
    if transfer.download is not None and transfer.download.transfers > 1:
        return _share_of_download(transfer.download)
    return share_of_transfer(transfer)


def share_of_transfer(transfer: Transfer) -> str:
    """Return the words for `transfer` alone, or "" if there is nothing to say."""
    outcome = Outcome(transfer.outcome)
    if transfer.why == "client_left":
        return "cancelled before it began"
    if outcome == Outcome.REFUSED and (transfer.reason or transfer.status == 412):
        return "not sent: the file is another version than the one you have"
    if outcome == Outcome.INCOMPLETE:
        announced = transfer.details.get("sent_length")
        if not transfer.sent or not announced:
            return "interrupted"
        return f"interrupted at {100 * transfer.sent // announced} %"
    sent, total = transfer.sent or 0, transfer.total or 0
    return (
        f"{_percent(sent, total)} of the file"
        if outcome == Outcome.SENT and sent < total
        else _WORDS.get(outcome, "")
    )


def _share_of_download(download: Download) -> str:
    share = f"{_percent(download.sent_bytes, download.total)} of the file" if download.total else "sent"
    return f"{'complete' if download.sent_complete else share}, in {download.transfers} requests"


def _percent(sent: int, total: int) -> str:
    return f"{100 * sent // total} %" if 100 * sent >= total else "less than 1 %"
