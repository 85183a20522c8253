"""Recompute downloads, which are not sealed, from their transfers, which are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from xaccel.audit.ingest.downloads import MOST_SPANS, Span, add_span, covers_all
from xaccel.audit.models import Download, Transfer
from xaccel.audit.values import GAVE_BYTES

_SAME = ("subject", "origin", "key", "version", "query", "client")
"""Fields that a download has in common with each of its transfers."""
_AT_ONCE = 2000


def problems(using: str) -> Iterator[str]:
    """Name each download that is not what its transfers say, and the columns; count transfers without a download."""
    download = Download.objects.using(using).filter(id=OuterRef("download_id"))
    gave = Transfer.objects.using(using).filter(outcome__in=GAVE_BYTES, decided_at__isnull=False)
    if count := gave.filter(~Exists(download)).count():
        yield f"{count} transfers sent bytes and belong to no download"
    found = Download.objects.using(using).order_by("id").values().iterator(_AT_ONCE)
    while some := list(islice(found, _AT_ONCE)):
        of: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
        rows = Transfer.objects.using(using).filter(download_id__in=[row["id"] for row in some])
        for row in rows.values("download_id", *_SAME, "first", "sent", "total", "started_at", "ended_at"):
            of[row["download_id"]].append(row)
        for row in some:
            if wrong := ", ".join(_differences(row, of[row["id"]])):
                yield f"download {row['id']} differs from its transfers: {wrong}"


def _differences(download: Mapping[str, Any], transfers: list[Mapping[str, Any]]) -> Iterator[str]:
    if len(transfers) + download["pruned"] != download["transfers"]:
        yield f"{len(transfers)} transfers, not {download['transfers'] - download['pruned']}"
        return
    yield from (f"another {name}" for name in _SAME if {row[name] for row in transfers} != {download[name]})
    if download["pruned"]:
        return
    ends = [row["ended_at"] for row in transfers]
    total = next((row["total"] for row in transfers if row["total"] is not None), None)
    union: tuple[Span, ...] = ()
    for row in sorted(transfers, key=lambda row: row["first"] or 0):
        if row["first"] is not None:
            union = add_span(union, row["first"], row["first"] + (row["sent"] or 0))
    said: dict[str, Any] = {
        "given_bytes": sum(row["sent"] or 0 for row in transfers),
        "opened_at": min((row["started_at"] or download["last_at"] for row in transfers), default=None),
        "last_at": None if None in ends else max(ends, default=None),
        "total": total,
        "sent_bytes": sum(end - first for first, end in union),
        "sent_complete": total is not None and covers_all(union, total),
    }
    # A download with more gaps than are remembered counts less than was sent, and never more.
    if len(transfers) > MOST_SPANS:
        said |= {name: min(said[name], download[name]) for name in ("sent_bytes", "sent_complete")}
    yield from (f"another {name}" for name, value in said.items() if download[name] != value)
    if download["sent_complete"] and download["completed_at"] not in ends:
        yield "another completed_at"
