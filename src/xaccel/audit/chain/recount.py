"""Whether downloads are what their transfers, which are sealed, make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from xaccel.audit.ingest import spans

SAME = ("subject", "origin", "key", "version", "query", "client")
"""What a download has in common with each of its transfers."""

OF_DOWNLOADS = (
    *("id", *SAME, "opened_at", "last_at", "transfers", "total", "sent_bytes", "given_bytes"),
    *("sent_complete", "completed_at", "mixed"),
)
OF_TRANSFERS = ("download_id", *SAME, "first", "sent", "total", "started_at", "ended_at")


def differences(
    download: Mapping[str, Any], transfers: list[Mapping[str, Any]], pruned_before: datetime | None
) -> Iterator[str]:
    """Yield in words what `download` says and its `transfers` do not.

    One that began before `pruned_before` may have lost transfers by the rules; it is left alone.
    """
    if pruned_before is not None and download["opened_at"] < pruned_before:
        return
    if len(transfers) != download["transfers"]:
        yield f"{len(transfers)} transfers, not {download['transfers']}"
        return
    for name in SAME:
        if any(row[name] != download[name] for row in transfers):
            yield f"another {name}"
    if download["given_bytes"] != sum(row["sent"] or 0 for row in transfers):
        yield "other given_bytes"
    for name, found, of in (("opened_at", "started_at", min), ("last_at", "ended_at", max)):
        moments = [row[found] for row in transfers]
        if None in moments or download[name] != of(moments, default=None):
            yield f"another {name}"
    yield from _union(download, transfers)


def _union(download: Mapping[str, Any], transfers: list[Mapping[str, Any]]) -> Iterator[str]:
    total: int | None = next((row["total"] for row in transfers if row["total"] is not None), None)
    union: tuple[spans.Span, ...] = ()
    for row in sorted(transfers, key=lambda row: row["first"] or 0):
        if row["first"] is not None:
            union = spans.add(union, row["first"], row["first"] + (row["sent"] or 0))
    sent, whole = spans.length(union), total is not None and spans.cover(union, total)
    # What is mixed, or has more gaps than are remembered, counts less than was sent, and never more.
    exact = not download["mixed"] and len(transfers) <= spans.MOST
    if download["sent_bytes"] > sent or (exact and download["sent_bytes"] != sent):
        yield "other sent_bytes"
    if download["sent_complete"] > whole or (exact and download["sent_complete"] != whole):
        yield "another sent_complete"
    if exact and download["total"] != total:
        yield "another total"
    if download["sent_complete"] and download["completed_at"] not in {row["ended_at"] for row in transfers}:
        yield "another completed_at"
