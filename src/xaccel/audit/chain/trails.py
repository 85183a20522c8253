"""The two trails that can be verified: the one in the database, and one that was exported to files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import DateTimeField, Exists, Max, Model, OuterRef, Q, UUIDField

from xaccel.audit.chain.chain import CONTENT, PERSON
from xaccel.audit.chain.recount import OF_DOWNLOADS, OF_TRANSFERS
from xaccel.audit.models import Download, Seal, Transfer
from xaccel.audit.outcome import FORGED, GAVE_BYTES, Outcome
from xaccel.errors import InputRefused

_AT_ONCE = 2000
_Recounted = tuple[Mapping[str, Any], list[Mapping[str, Any]]]
# A forged line waits for the transfer's own one.
_WAITS = Q(sealed=None) & (Q(outcome=Outcome.GRANTED) | Q(why__in=FORGED, decided_at__isnull=False))
_COLUMNS = (*CONTENT, *PERSON, "query", "ip", "sealed")


@contextmanager
def unmoved(using: str) -> Iterator[None]:
    """Read one state of the database in all of the block, while `ingest` goes on."""
    with transaction.atomic(using=using):
        if connections[using].vendor == "postgresql":
            with connections[using].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


class StoredTrail:
    """The trail in the database, read in constant memory."""

    def __init__(self, using: str) -> None:
        self.using = using

    def links(self) -> Iterator[Seal]:
        return Seal.objects.using(self.using).order_by("id").iterator(_AT_ONCE)

    def latest(self, transfers: list[UUID]) -> dict[UUID | None, int]:
        found = Seal.objects.using(self.using).filter(kind="transfer", transfer__in=transfers)
        return dict(found.values_list("transfer").annotate(Max("id")))

    def forgotten(self, transfers: list[UUID]) -> set[UUID | None]:
        found = Seal.objects.using(self.using).filter(kind="forget", transfer__in=transfers)
        return set(found.values_list("transfer", flat=True))

    def rows(self, transfers: list[UUID]) -> dict[UUID, Mapping[str, Any]]:
        found = Transfer.objects.using(self.using).filter(id__in=transfers)
        return {row["id"]: row for row in found.values(*_COLUMNS)}

    def is_older(self, row: Mapping[str, Any]) -> bool:
        return False

    def without_link(self) -> int:
        without = Seal.objects.using(self.using).filter(transfer=OuterRef("id"))
        return Transfer.objects.using(self.using).filter(sealed=True).exclude(Exists(without)).count()

    def waiting(self) -> int:
        return Transfer.objects.using(self.using).filter(_WAITS | Q(sealed=False)).count()

    def never_sealed(self) -> int:
        return Transfer.objects.using(self.using).filter(~_WAITS, sealed=None).count()

    def downloads(self) -> Iterator[_Recounted]:
        found = iter(
            Download.objects.using(self.using).order_by("id").values(*OF_DOWNLOADS).iterator(_AT_ONCE)
        )
        while some := list(islice(found, _AT_ONCE)):
            rows = Transfer.objects.using(self.using).filter(download_id__in=[row["id"] for row in some])
            yield from _with_transfers(some, rows.values(*OF_TRANSFERS))

    def without_download(self, since: datetime | None) -> int:
        rows = Transfer.objects.using(self.using).filter(outcome__in=GAVE_BYTES, decided_at__isnull=False)
        if since is not None:
            rows = rows.filter(ended_at__gte=since)
        return rows.exclude(
            Exists(Download.objects.using(self.using).filter(id=OuterRef("download_id")))
        ).count()


class ExportedTrail:
    """What `export` wrote as JSON Lines. The transfers are kept in memory."""

    def __init__(self, transfers: Path, seals: Path, downloads: Path | None) -> None:
        """Raises InputRefused for a file that is not there, or is no such export."""
        self._downloads = downloads
        self._seals = seals
        self._rows: dict[UUID, Mapping[str, Any]] = {row["id"]: row for row in _read(transfers, Transfer)}
        self._latest = {link.transfer: link.pk for link in self.links() if link.kind == "transfer"}
        self._forgotten = {link.transfer for link in self.links() if link.kind == "forget"}

    def links(self) -> Iterator[Seal]:
        return (Seal(**row) for row in _read(self._seals, Seal))

    def latest(self, transfers: list[UUID]) -> dict[UUID | None, int]:
        return self._latest

    def rows(self, transfers: list[UUID]) -> dict[UUID, Mapping[str, Any]]:
        return self._rows

    def forgotten(self, transfers: list[UUID]) -> set[UUID | None]:
        return self._forgotten

    def is_older(self, row: Mapping[str, Any]) -> bool:
        return _waits(row)

    def without_link(self) -> int:
        return sum(row["sealed"] is True and id_ not in self._latest for id_, row in self._rows.items())

    def waiting(self) -> int:
        return sum(_waits(row) or row["sealed"] is False for row in self._rows.values())

    def never_sealed(self) -> int:
        return sum(not _waits(row) and row["sealed"] is None for row in self._rows.values())

    def downloads(self) -> Iterator[_Recounted]:
        if self._downloads is not None:
            found = (row for row in self._rows.values() if row["download_id"] is not None)
            yield from _with_transfers(_read(self._downloads, Download), found)

    def without_download(self, since: datetime | None) -> int:
        if self._downloads is None:
            return 0
        there = {row["id"] for row in _read(self._downloads, Download)}
        return sum(
            row["outcome"] in GAVE_BYTES
            and row["decided_at"] is not None
            and row["download_id"] not in there
            and (since is None or (row["ended_at"] is not None and row["ended_at"] >= since))
            for row in self._rows.values()
        )


def _waits(row: Mapping[str, Any]) -> bool:
    forged = row["why"] in FORGED and row["decided_at"] is not None
    return (row["outcome"] == Outcome.GRANTED or forged) and row["sealed"] is None


def _with_transfers(
    downloads: Iterable[Mapping[str, Any]], transfers: Iterable[Mapping[str, Any]]
) -> Iterator[_Recounted]:
    of: dict[UUID, list[Mapping[str, Any]]] = {}
    for row in transfers:
        of.setdefault(row["download_id"], []).append(row)
    for download in downloads:
        yield download, of.get(download["id"], [])


def _read(path: Path, model: type[Model]) -> Iterator[dict[str, Any]]:
    """Return the rows of an export, with the values that the database gives."""
    kinds: dict[str, Any] = {
        column.attname: _KINDS.get(type(getattr(column, "target_field", column)), lambda value: value)
        for column in model._meta.concrete_fields
    }
    number = 0
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                number += 1
                row = json.loads(line)
                row.setdefault("query", "")  # of an older version
                yield {name: row[name] and of(row[name]) for name, of in kinds.items()}
    except OSError as error:
        raise InputRefused(
            error.strerror or str(error), where=str(path), remedy="Give a file that can be read."
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputRefused(
            f"line {number} is no row of {model._meta.model_name}s",
            where=str(path),
            remedy=f"Give what `xaccel export {model._meta.model_name}s --format jsonl` of this version printed.",
        ) from error


_KINDS: dict[type, Any] = {UUIDField: UUID, DateTimeField: datetime.fromisoformat}
