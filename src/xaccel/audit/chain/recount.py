"""Recompute downloads, which are not sealed, from their transfers, which are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from xaccel.audit.models import Download, Transfer
from xaccel.audit.values import GAVE_BYTES, MOST_SPANS, Span, covers_all

_SAME = ("subject", "origin", "key", "version", "query", "client")
"""Fields that a download has in common with each of its transfers."""
_AT_ONCE = 2000
_CLOCKS = timedelta(hours=1)
"""How much the clocks of the app and of NGINX may differ: `prune` compares times of the app, a download has NGINX's."""


def problems(using: str, pruned: datetime | None) -> Iterator[str]:
    """Name each download that is not what its transfers say, and the columns; count transfers without a download.

    pruned: before this time `prune` deleted transfers, according to the seals.
    """
    download = Download.objects.using(using).filter(id=OuterRef("download_id"))
    gave = Q(outcome__in=GAVE_BYTES, decided_at__isnull=False)
    rows = Transfer.objects.using(using)
    if count := rows.filter(gave & ~Exists(download)).count():
        yield f"{count} transfers sent bytes and belong to no download"
    if count := rows.filter(~gave, download_id__isnull=False).count():
        yield f"{count} transfers sent no bytes and belong to a download"
    found = Download.objects.using(using).order_by("id").values().iterator(_AT_ONCE)
    while some := list(islice(found, _AT_ONCE)):
        of: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
        wanted = rows.filter(download_id__in=[row["id"] for row in some])
        columns = (*_SAME, "first", "sent", "total", "started_at", "ended_at", "batch")
        for row in wanted.values("download_id", *columns):
            of[row["download_id"]].append(row)
        for row in some:
            if wrong := ", ".join(_differences(row, of[row["id"]], pruned)):
                yield f"download {row['id']} differs from its transfers: {wrong}"


def _differences(
    download: Mapping[str, Any], transfers: list[Mapping[str, Any]], pruned: datetime | None
) -> Iterator[str]:
    gone = download["pruned"]
    if len(transfers) + gone != download["transfers"]:
        yield f"{len(transfers)} transfers, not {download['transfers'] - gone}"
        return
    yield from (f"another {name}" for name in _SAME if {row[name] for row in transfers} != {download[name]})
    was_pruned = pruned is not None and download["opened_at"] - pruned < _CLOCKS
    # `prune` notes nothing of rows from times without CHAIN.
    if gone < 0 or (gone and not was_pruned and all(row["batch"] is not None for row in transfers)):
        yield f"{gone} transfers are missing that `prune` did not delete"
        return
    ends = [row["ended_at"] for row in transfers]
    totals = {row["total"] for row in transfers} - {None}
    total = download["total"] if gone and not totals else next(iter(totals), None)
    union = _union(transfers)
    stored = _spans_of(download)
    said: dict[str, Any] = {
        "given_bytes": sum(row["sent"] or 0 for row in transfers),
        "opened_at": min((row["started_at"] or download["last_at"] for row in transfers), default=None),
        "last_at": None if None in ends else max(ends, default=None),
        "total": total if len(totals) < 2 else totals,
        "sent_bytes": sum(end - first for first, end in stored),
        "sent_complete": total is not None and covers_all(stored, total),
    }
    if gone and None not in (said["last_at"], said["opened_at"]):
        for name, more in (("given_bytes", max), ("last_at", max), ("opened_at", min)):
            said[name] = more(said[name], download[name])
    yield from (f"another {name}" for name, value in said.items() if download[name] != value)
    # A download with more gaps than are remembered counts less than was sent, and never more.
    has_more, has_less = gone > 0, len(transfers) > MOST_SPANS
    both = _joined([*stored, *union])
    if stored != _joined(stored) or not (has_more or both == union) or not (has_less or both == stored):
        yield "other spans"
    done = download["completed_at"]
    if not download["sent_complete"]:
        is_right = done is None
    elif has_more or has_less:
        is_right = done is not None and done <= download["last_at"]
    else:
        by_then = [row for row in transfers if row["ended_at"] and done and row["ended_at"] <= done]
        is_right = done in ends and total is not None and covers_all(_union(by_then), total)
    if not is_right:
        yield "another completed_at"


def _union(transfers: list[Mapping[str, Any]]) -> list[Span]:
    known = [row for row in transfers if row["first"] is not None]
    return _joined((row["first"], row["first"] + (row["sent"] or 0)) for row in known)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Join spans, however many there are."""
    joined: list[Span] = []
    for first, end in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif first < end:
            joined.append((first, end))
    return joined


def _spans_of(download: Mapping[str, Any]) -> list[Span]:
    """Return the spans of a row, in which somebody may have written anything."""
    try:
        spans = [(first, end) for first, end in download["spans"]]
    except (TypeError, ValueError):
        spans = [(0, 0)]
    return spans if all(type(at) is int for span in spans for at in span) else [(0, 0)]
