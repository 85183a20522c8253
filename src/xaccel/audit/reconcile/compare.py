"""`manage.py xaccel reconcile`: compare the trail with the storage's own access log, read first."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice
from math import inf
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID

from django.db import router
from django.db.models import Q

from xaccel.audit.models import Transfer
from xaccel.audit.reconcile.storage_log import StorageLog, StorageRequest
from xaccel.audit.removals import removed_until
from xaccel.audit.retention import age
from xaccel.audit.values import FORGED, GAVE_BYTES, Outcome
from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line
from xaccel.errors import InputRefused, XaccelError
from xaccel.events import by_the_app
from xaccel.site import Site
from xaccel.site.origins import HTTPOrigin, S3Origin, covers, covers_many
from xaccel.site.transfer_log import CACHED

AT_ONCE = 100
"""Transfers in one query, which has two parameters for each: SQLite before 3.32 takes 999."""
_NO_BYTES = {
    Outcome.NOT_MODIFIED: "304",
    Outcome.HEADERS: "HEAD",
    Outcome.STORED: "an upload",
    Outcome.GRANTED: "no log entry of NGINX yet",
    Outcome.UNKNOWN: "no log entry of NGINX",
}
_MOST_ENCODINGS = 3


class Result(StrEnum):
    """Results of comparing both logs."""

    MATCHED = "matched"
    EXPLAINED = "explained"
    AWAITED = "not in the storage's log yet"
    CONTRADICTION = "contradiction"


Judgement = tuple[Result, str]
"""A result, and why."""


def judge(row: Transfer, sent: float | None, horizon: datetime) -> Judgement:
    """Compare a transfer with what the storage logged for it.

    sent: bytes that the storage sent in all requests, infinite if its log has no sizes; None without a request.
    horizon: entries of requests before this time must be in the storage's log.
    """
    gave = _gave(row)
    cache = row.details.get("cache")
    if not was_handed_off(row):
        why = "304 or 412 by the app, or refused by NGINX"
    elif sent is not None and sent >= gave:
        return Result.MATCHED, ""
    elif sent and cache:
        why = "slices from the cache"
    elif sent:
        return Result.CONTRADICTION, f"the user got {gave} bytes, and the storage sent {sent}"
    elif not gave:
        why = _NO_BYTES.get(Outcome(row.outcome), "no bytes of the file were sent")
    elif cache in CACHED:
        why = "from the cache"
    elif row.ended_at is None or row.ended_at > horizon:
        return Result.AWAITED, ""
    else:
        unexplained = "which neither the cache nor the storage's log explains"
        return Result.CONTRADICTION, f"the user got {gave} bytes, {unexplained}"
    return Result.EXPLAINED, why


def _gave(row: Transfer) -> int:
    return (row.body_bytes or 0) if row.outcome in GAVE_BYTES else 0


def was_handed_off(row: Transfer) -> bool:
    """Tell whether NGINX had a valid hand-off. Without one, no request to the storage has this id."""
    by_app = row.reason in (by_the_app(304), by_the_app(412))
    return not (row.outcome == Outcome.DENIED or by_app or row.why in FORGED)


def _judged_together(
    rows: Iterable[Transfer], sent: float | None, horizon: datetime
) -> Iterator[tuple[str, Judgement]]:
    """Judge the transfers with one shortened id. The uses of a grant have that of their decision."""
    for row in rows:
        own = sent if was_handed_off(row) else None
        if own is not None:
            sent = max(0, own - _gave(row))
        yield str(row.id), judge(row, own, horizon)


class Comparison:
    """One comparison of a site's trail with a storage's log.

    counts: transfers by judgement, without contradictions. pruned, refused, foreign: requests with an id that the trail
    does not have, since `prune` deleted it, the storage refused the request, or the object is of another site.
    """

    def __init__(self, site: Site, log: StorageLog, *, grace: timedelta, using: str) -> None:
        """grace: how late entries come into the storage's log."""
        self.counts: Counter[Judgement] = Counter()
        self.refused = self.pruned = self.foreign = 0
        self.contradicted: set[str] = set()
        self._site, self._log, self._grace, self._using = site, log, grace, using
        self._seen: dict[str, float] = {}

    def judgements(self) -> Iterator[tuple[str, Result, str]]:
        """Return the id of each transfer, a result, and why."""
        for id_, (result, why) in self._all():
            if _sent(id_) in self.contradicted:
                continue
            if result == Result.CONTRADICTION:
                self.contradicted.add(_sent(id_))
            else:
                self.counts[result, why] += 1
            yield id_, result, why

    def _all(self) -> Iterator[tuple[str, Judgement]]:
        ours = (request for request in self._log.requests() if request.transfer)
        while batch := list(islice(ours, AT_ONCE)):
            yield from self._named(batch)
        if self._log.lines == self._log.unreadable:
            return
        horizon = self._log.last - self._grace
        for part, same in groupby(self._rows(), lambda row: _sent(row.id)):
            rows = list(same)
            sent = self._seen.pop(part, None) if any(map(was_handed_off, rows)) else None
            yield from _judged_together(rows, sent, horizon)
        # transfers that began before the log does
        left = iter(self._seen.items())
        while some := dict(islice(left, AT_ONCE)):
            for part, rows in self._rows_of(some).items():
                yield from _judged_together(rows, some[part], horizon)

    def _rows_of(self, sent: Iterable[str]) -> dict[str, list[Transfer]]:
        """Return the transfers whose shortened id is in the storage's log, those with a hand-off first."""
        ranges = (Q(id__range=(UUID(f"{each}-{'0' * 12}"), UUID(f"{each}-{'f' * 12}"))) for each in {*sent})
        found: dict[str, list[Transfer]] = {}
        for row in Transfer.objects.using(self._using).filter(Q(*ranges, _connector=Q.OR)):
            found.setdefault(_sent(row.id), []).append(row)
        return {part: sorted(rows, key=was_handed_off, reverse=True) for part, rows in found.items()}

    def _named(self, requests: list[StorageRequest]) -> Iterator[tuple[str, Judgement]]:
        """Judge the requests that belong to no transfer of the trail; remember the others."""
        rows = self._rows_of(request.transfer for request in requests)
        pruned_ms = removed_until("prune", using=self._using).timestamp() * 1000
        for request in requests:
            row = rows.get(request.transfer, [None])[0]
            if row is not None and not (request.delivered and self._wrong(row, request)):
                # NGINX sends a request again if a connection fails, and one for each slice.
                sent = (inf if request.sent is None else request.sent) if request.delivered else 0
                self._seen[request.transfer] = self._seen.get(request.transfer, 0) + sent
            elif row is None and int(request.transfer[:13].replace("-", ""), 16) < pruned_ms:
                self.pruned += 1
            elif not request.delivered:
                self.refused += 1  # anybody can send a User-Agent with a request that the storage refuses
            elif row is None and not self._may_have(request):
                self.foreign += 1
            else:
                wrong = "the trail does not have it" if row is None else self._wrong(row, request)
                where = f"request {_token(request.request)} of {request.at:%Y-%m-%d %H:%M:%S} UTC"
                id_ = request.transfer if row is None else str(row.id)
                yield id_, (Result.CONTRADICTION, f"{wrong}: the storage sent bytes, {where}")

    def _wrong(self, row: Transfer, request: StorageRequest) -> str:
        if not was_handed_off(row):
            return "NGINX had no valid hand-off"
        origin = self._site.origins.get(row.origin)
        if not row.key or not isinstance(origin, S3Origin):
            return ""  # a rolled back decision, or an origin whose keys the storage knows by other names
        bucket, key = _object_of(origin, row)
        if bucket != request.bucket and covers_many(origin):
            return "the trail has another bucket"
        return "" if _plain(key) == _plain(request.key) else "the trail has another object"

    def _may_have(self, request: StorageRequest) -> bool:
        """Tell whether the site may have an object: two sites may use one bucket, with different prefixes."""
        origins = self._site.origins.values()
        s3 = [origin for origin in origins if isinstance(origin, S3Origin) and _has(origin, request.bucket)]
        if s3:
            return any(_plain(request.key).startswith(_plain(origin.prefix)) for origin in s3)
        # the bucket's name may not be in its URL
        return any(isinstance(origin, HTTPOrigin) for origin in origins)

    def _rows(self) -> Iterator[Transfer]:
        """Return the transfers that began within the log's time, and are from a bucket of the log."""
        origins = {
            name: origin
            for name, origin in self._site.origins.items()
            if isinstance(origin, S3Origin) and any(_has(origin, bucket) for bucket in self._log.buckets)
        }
        first, end = _lowest(self._log.first), _lowest(self._log.last + timedelta(seconds=1))
        rows = Transfer.objects.using(self._using).filter(origin__in=origins, id__gte=first, id__lt=end)
        for row in rows.order_by("id").iterator(chunk_size=AT_ONCE):
            if _object_of(origins[row.origin], row)[0] in self._log.buckets:
                yield row


def _has(origin: S3Origin, bucket: str) -> bool:
    return covers(origin.bucket, bucket) if covers_many(origin) else bucket == origin.bucket


def _object_of(origin: S3Origin, row: Transfer) -> tuple[str, str]:
    """Return bucket and key as the storage has them."""
    if not covers_many(origin):
        return origin.bucket, f"{origin.prefix}{row.key}"
    bucket, _, key = row.key.partition("/")
    return bucket, f"{origin.prefix}{key}"


def _plain(key: str) -> str:
    """Decode a key: S3 logs it percent-encoded, some characters twice, or "+" for a space."""
    for _ in range(_MOST_ENCODINGS):
        key = unquote(key)
    return key.replace("+", " ")


def _sent(id_: UUID | str) -> str:
    """Return what the storage gets of an id: all but the last group (engine/maps/4-request.conf)."""
    return str(id_)[:23]


def _lowest(at: datetime) -> UUID:
    """Return the lowest id of a time."""
    return UUID(int=(int(at.timestamp() * 1000) & (2**48 - 1)) << 80)


def _token(text: str) -> str:
    """Return the storage's id of a request, from a log that anybody could have written."""
    return text if text.isascii() and text.isalnum() and len(text) <= 64 else "(not readable)"


def _reconcile(args: argparse.Namespace, site: Site) -> None:
    log = StorageLog(args.files)
    comparison = Comparison(site, log, grace=args.grace, using=router.db_for_read(Transfer))
    for id_, result, why in comparison.judgements():
        if args.each or result == Result.CONTRADICTION:
            print_line(f"{id_}  {result}" + (f": {why}" if why else ""))
    if log.lines == log.unreadable:
        what = f"none of {log.lines} lines is an entry of an access log"
        remedy = "Give S3 server access logs as S3 writes them, or the JSON Lines of SeaweedFS."
        raise InputRefused(what, where=", ".join(map(str, args.files)), remedy=remedy)
    _print_summary(comparison, log)
    if comparison.contradicted:
        raise XaccelError(
            "the trail and the storage's log do not agree",
            where=f"{len(comparison.contradicted)} contradictions",
            remedy="Run `ingest` first. If they stay: the trail or the storage's log was changed, a part of the"
            " storage's log is missing, or somebody else has credentials of the storage.",
        )


def _print_summary(found: Comparison, log: StorageLog) -> None:
    times = f"{log.first:%Y-%m-%d %H:%M} to {log.last:%Y-%m-%d %H:%M} UTC"
    print_line(f"{log.lines} lines of the storage's log, {times}")
    if log.unreadable:
        print_line(f"{log.unreadable} of them could not be read")
    for result in (Result.MATCHED, Result.EXPLAINED, Result.AWAITED):
        counts = [(why, count) for (kind, why), count in found.counts.most_common() if kind == result]
        print_line(f"{sum(count for _, count in counts)} transfers {result}")
        for why, count in counts:
            if why:
                print_line(f"    {count} {why}")
    for count, what in (
        (found.pruned, "requests of transfers that `prune` deleted"),
        (found.refused, "requests with an unknown id, which the storage refused"),
        (found.foreign, "downloads from buckets or prefixes of other sites"),
        (log.others, "downloads by other clients of the storage, without an id"),
    ):
        if count:
            print_line(f"{count} {what}")
    print_line(f"{len(found.contradicted)} contradictions")


RECONCILE = make_command("reconcile", types={"files": Path, "--grace": age}, run=_reconcile)
