"""Read an export into a database of its own in memory, to verify it without the database it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.models import BinaryField, DateTimeField, Field, Model, UUIDField

from xaccel.audit.models import Download, Seal, Transfer
from xaccel.errors import InputRefused

_ALIAS = "xaccel_export"
_AT_ONCE = 2000


@contextmanager
def imported(transfers: Path, seals: Path, downloads: Path) -> Iterator[str]:
    """Yield the alias of a database that has the rows of these files, in JSON Lines.

    Raises InputRefused for a file that is not there, or is no such export.
    """
    settings = {**connections["default"].settings_dict, "NAME": ":memory:", "OPTIONS": {}}
    connections[_ALIAS] = connection = DatabaseWrapper(settings, _ALIAS)
    try:
        models: Iterable[tuple[type[Model], Path]] = (
            (Download, downloads),
            (Transfer, transfers),
            (Seal, seals),
        )
        for model, path in models:
            with connection.schema_editor() as editor:
                editor.create_model(model)
            rows = _read(path, model)
            while some := list(islice(rows, _AT_ONCE)):
                model.objects.using(_ALIAS).bulk_create(some)  # type: ignore[attr-defined]
        yield _ALIAS
    finally:
        connection.close()
        del connections[_ALIAS]


def _read(path: Path, model: type[Model]) -> Iterator[Model]:
    columns = model._meta.concrete_fields
    number = 0
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                number += 1
                row = json.loads(line)
                yield model(**{column.attname: _value(column, row[column.attname]) for column in columns})
    except OSError as error:
        raise InputRefused(
            error.strerror or str(error), where=str(path), remedy="Give a file that can be read."
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        name = f"{model._meta.model_name}s"
        raise InputRefused(
            f"line {number} is no row of {name}",
            where=str(path),
            remedy=f"Give what `xaccel export {name} --format jsonl` of this version printed.",
        ) from error


def _value(column: Field[Any, Any], value: Any) -> Any:
    kind = type(getattr(column, "target_field", column))
    return _KINDS[kind](value) if kind in _KINDS and value is not None else value


_KINDS: dict[type, Any] = {
    UUIDField: UUID,
    DateTimeField: datetime.fromisoformat,
    BinaryField: bytes.fromhex,
}
