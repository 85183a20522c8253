"""The two trails that can be verified: the one in the database, and one that was exported to files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, Exists, Max, Model, OuterRef, Q, UUIDField

from xaccel.audit.chain import CONTENT, PERSON
from xaccel.audit.models import Seal, Transfer
from xaccel.errors import InputRefused

_COLUMNS = (*CONTENT, *PERSON, "ip", "sealed", "line_first")


class StoredTrail:
    """The trail in the database, read in constant memory."""

    def __init__(self, using: str) -> None:
        self.using = using

    def links(self) -> Iterator[Seal]:
        return Seal.objects.using(self.using).order_by("id").iterator(chunk_size=2000)

    def latest(self, transfers: list[UUID]) -> dict[UUID, int]:
        found = Seal.objects.using(self.using).filter(transfer__in=transfers)
        return dict(found.values_list("transfer").annotate(Max("id")))

    def rows(self, transfers: list[UUID]) -> dict[UUID, Mapping[str, Any]]:
        found = Transfer.objects.using(self.using).filter(id__in=transfers)
        return {row["id"]: row for row in found.values(*_COLUMNS)}

    def waits(self, row: Mapping[str, Any]) -> bool:
        return row["sealed"] is False or row["line_first"]

    def without_link(self) -> int:
        without = Seal.objects.using(self.using).filter(transfer=OuterRef("id"))
        return Transfer.objects.using(self.using).filter(sealed=True).exclude(Exists(without)).count()

    def unsealed(self) -> int:
        return Transfer.objects.using(self.using).filter(~Q(sealed=True)).count()


class ExportedTrail:
    """What `export transfers` and `export seals` wrote as JSON Lines. The transfers are kept in memory."""

    def __init__(self, transfers: Path, seals: Path) -> None:
        """Raises InputRefused for a file that is not there, or is no such export."""
        self._seals = seals
        self._rows: dict[UUID, Mapping[str, Any]] = {row["id"]: row for row in _read(transfers, Transfer)}
        self._latest = {link.transfer: link.pk for link in self.links() if link.transfer}

    def links(self) -> Iterator[Seal]:
        return (Seal(**row) for row in _read(self._seals, Seal))

    def latest(self, transfers: list[UUID]) -> dict[UUID, int]:
        return self._latest

    def rows(self, transfers: list[UUID]) -> dict[UUID, Mapping[str, Any]]:
        return self._rows

    def waits(self, row: Mapping[str, Any]) -> bool:
        return row["sealed"] is not True or row["line_first"]

    def without_link(self) -> int:
        return sum(row["sealed"] is True and id_ not in self._latest for id_, row in self._rows.items())

    def unsealed(self) -> int:
        return sum(row["sealed"] is not True for row in self._rows.values())


def _read(path: Path, model: type[Model]) -> Iterator[dict[str, Any]]:
    """Return the rows of an export, with the values that the database gives."""
    kinds: dict[str, Any] = {
        column.attname: _KINDS.get(type(column), lambda value: value)
        for column in model._meta.concrete_fields
    }
    number = 0
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                number += 1
                row = json.loads(line)
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
