"""Compare all transfers of a store's log with the trail, in two passes: the log, then the trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db.models import Max, Q

from xaccel.audit.models import Removal, Transfer
from xaccel.audit.reconcile.store_log import Entry, StoreLog
from xaccel.audit.reconcile.verdict import Kind, Seen, Verdict, judge, same_key, was_handed_off
from xaccel.site import Site
from xaccel.site.buckets import covers, covers_many
from xaccel.site.origins import S3Origin

AT_ONCE = 100
"""Transfers in one query, which has two parameters for each: SQLite before 3.32 takes 999."""


@dataclass(slots=True)
class Found:
    """The result.

    counts: transfers by kind and reason. refused: requests with an unknown id that the store refused.
    pruned: requests of transfers that `prune` deleted.
    """

    counts: Counter[Verdict] = field(default_factory=Counter)
    refused: int = 0
    pruned: int = 0
    contradictions: int = 0

    def of(self, kind: Kind) -> int:
        """How many transfers are of a kind."""
        return sum(count for verdict, count in self.counts.items() if verdict.kind == kind)


class Comparison:
    """One comparison of a site's trail with a store's log."""

    def __init__(self, site: Site, log: StoreLog, *, grace: timedelta, using: str) -> None:
        """grace: how late entries come into the store's log."""
        self.found = Found()
        self._site, self._log, self._grace, self._using = site, log, grace, using
        self._seen: dict[str, Seen] = {}
        self._contradicted: set[str] = set()

    def verdicts(self) -> Iterator[tuple[str, Verdict]]:
        """Return the id of each transfer and a verdict; `found` is the sum."""
        for id_, verdict in self._all():
            if _sent(id_) in self._contradicted:
                continue
            if verdict.kind == Kind.CONTRADICTION:
                self._contradicted.add(_sent(id_))
                self.found.contradictions += 1
            else:
                self.found.counts[verdict] += 1
            yield id_, verdict

    def _all(self) -> Iterator[tuple[str, Verdict]]:
        ours = (entry for entry in self._log.entries() if entry.transfer)
        while batch := list(islice(ours, AT_ONCE)):
            yield from self._named(batch)
        for row in self._rows():
            seen = self._seen.pop(_sent(row.id), None) if was_handed_off(row) else None
            yield str(row.id), judge(row, seen, self._log.last - self._grace)
        # transfers that began before the log does
        left = iter(self._seen.items())
        while some := dict(islice(left, AT_ONCE)):
            for sent, row in self._rows_of(some).items():
                yield str(row.id), judge(row, some[sent], self._log.last - self._grace)

    def _rows_of(self, sent: Iterable[str]) -> dict[str, Transfer]:
        """Return the transfers of which the store got a part of the id."""
        ranges = (Q(id__range=(UUID(f"{each}-{'0' * 12}"), UUID(f"{each}-{'f' * 12}"))) for each in {*sent})
        found: dict[str, Transfer] = {}
        for row in Transfer.objects.using(self._using).filter(Q(*ranges, _connector=Q.OR)):
            if was_handed_off(row) or _sent(row.id) not in found:
                found[_sent(row.id)] = row
        return found

    def _named(self, entries: list[Entry]) -> Iterator[tuple[str, Verdict]]:
        """Judge the entries that are of no transfer of the trail; keep the others in mind."""
        rows = self._rows_of(entry.transfer for entry in entries)
        pruned = Removal.objects.using(self._using).filter(kind="prune").aggregate(at=Max("before"))["at"]
        for entry in entries:
            row = rows.get(entry.transfer)
            if row is not None and not (entry.delivered and self._wrong(row, entry)):
                self._seen.setdefault(entry.transfer, Seen()).add(delivered=entry.delivered, sent=entry.sent)
            elif row is None and pruned is not None and _time_of(entry.transfer) < pruned:
                self.found.pruned += 1
            elif not entry.delivered:
                self.found.refused += 1  # anybody can send a User-Agent with a request that the store refuses
            else:
                wrong = "the trail does not have it" if row is None else self._wrong(row, entry)
                where = f"request {_token(entry.request)} of {entry.at:%Y-%m-%d %H:%M:%S} UTC"
                id_ = entry.transfer if row is None else str(row.id)
                yield id_, Verdict(Kind.CONTRADICTION, f"{wrong}: the store sent bytes, {where}")

    def _wrong(self, row: Transfer, entry: Entry) -> str:
        if not was_handed_off(row):
            return "NGINX had no valid hand-off"
        origin = self._site.origins.get(row.origin)
        if not row.key or not isinstance(origin, S3Origin):
            return ""  # a rolled back decision, or an origin whose keys the store knows by other names
        bucket, key = _object_of(origin, row)
        if bucket != entry.bucket and covers_many(origin):
            return "the trail has another bucket"
        return "" if same_key(key, entry.key) else "the trail has another object"

    def _rows(self) -> Iterator[Transfer]:
        """Return the transfers that began within the log's time, and are from a bucket of the log."""
        names = [
            name
            for name, origin in self._site.origins.items()
            if isinstance(origin, S3Origin) and any(_has(origin, bucket) for bucket in self._log.buckets)
        ]
        rows = Transfer.objects.using(self._using).filter(
            origin__in=names,
            id__gte=_lowest(self._log.first),
            id__lt=_lowest(self._log.last + timedelta(seconds=1)),
        )
        for row in rows.iterator(chunk_size=AT_ONCE):
            origin = self._site.origins[row.origin]
            assert isinstance(origin, S3Origin)
            if not covers_many(origin) or _object_of(origin, row)[0] in self._log.buckets:
                yield row


def _has(origin: S3Origin, bucket: str) -> bool:
    return covers(origin.bucket, bucket) if covers_many(origin) else origin.bucket == bucket


def _object_of(origin: S3Origin, row: Transfer) -> tuple[str, str]:
    """Return bucket and key as the store has them."""
    if not covers_many(origin):
        return origin.bucket, f"{origin.prefix}{row.key}"
    bucket, _, key = row.key.partition("/")
    return bucket, f"{origin.prefix}{key}"


def _sent(id_: UUID | str) -> str:
    """Return what the store gets of an id: all but the last group (engine/maps/4-request.conf)."""
    return str(id_)[:23]


def _time_of(sent: str) -> datetime:
    """Return the time in a UUIDv7."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(sent[:8] + sent[9:13], 16))


def _lowest(at: datetime) -> UUID:
    """Return the lowest id of a time."""
    return UUID(int=(int(at.timestamp() * 1000) & (2**48 - 1)) << 80)


def _token(text: str) -> str:
    """Return the store's id of a request, from a log that anybody could have written."""
    return text if text.isascii() and text.isalnum() and len(text) <= 64 else "(not readable)"
