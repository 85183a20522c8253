"""Find and write many rows at once: by COPY in PostgreSQL, by executemany in SQLite. The ORM has neither."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connections
from django.db.models import CharField, DateTimeField, Model, QuerySet, TextField, UUIDField
from django.db.models.expressions import RawSQL

Row = tuple[Any, ...]
"""A value for each column of a model, in their order: UUIDs in the canonical form, times as `values.text_of` or the
database writes them, and JSON as text."""
_LOCK = 0x7861_6363_656C  # "xaccel"
_AT_ONCE = 200
"""Rows for one write of COPY: each is formatted while it is in the processor's cache."""
_LEFT_OUT = {UUIDField: "-", DateTimeField: "+00:00"}
"""Parts that Django omits from such a value in SQLite."""
_BETWEEN, _QUOTE, _NULL = "\x1f", "\x1e", "None"


def is_sqlite(using: str) -> bool:
    """Tell whether a database is SQLite; else it is PostgreSQL."""
    return connections[using].vendor == "sqlite"


def lock_writers(using: str) -> None:
    """Keep other writers of the trail out until the open transaction ends."""
    with connections[using].cursor() as cursor:
        if is_sqlite(using):  # one connection at a time may write
            cursor.execute("UPDATE xaccel_log_position SET path = path WHERE 0")
        else:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def rows_among(model: type[Model], column: str, ids: Collection[str], *, using: str) -> QuerySet[Any]:
    """Return the rows whose `column` is among `ids`, which are UUIDs in the canonical form.

    The thousands of ids are one parameter: as many parameters take long to write.
    """
    if is_sqlite(using):
        plain = json.dumps([id_.replace("-", "") for id_ in ids])
        listed = RawSQL("SELECT value FROM json_each(%s)", (plain,))
    else:
        listed = RawSQL("SELECT unnest(%s::uuid[])", ("{" + ",".join(ids) + "}",))
    return model._default_manager.using(using).filter(**{f"{column}__in": listed})


def write_rows(
    model: type[Model], rows: Iterable[Row], *, using: str, replacing: Collection[str] = ()
) -> None:
    """Insert `rows`, after the rows with the ids `replacing` were deleted."""
    if replacing:
        rows_among(model, "id", replacing, using=using).delete()
    connection, fields = connections[using], model._meta.concrete_fields
    names = ", ".join(f'"{field.column}"' for field in fields)
    # All names come from the models, and no value is in the text.
    with connection.cursor() as cursor:
        if is_sqlite(using):
            marks = ", ".join("%s" for _ in fields)
            insert = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({marks})'  # noqa: S608
            left_out = [_LEFT_OUT.get(type(getattr(field, "target_field", field))) for field in fields]
            plain = (zip(row, left_out, strict=True) for row in rows)
            cursor.executemany(
                insert,
                [[value.replace(out, "") if value and out else value for value, out in row] for row in plain],
            )
            return
        # Python prints None for NULL, but a column of text may hold the word "None".
        texts = ", ".join(f'"{field.column}"' for field in fields if isinstance(field, CharField | TextField))
        copy_in = (
            f'COPY "{model._meta.db_table}" ({names}) FROM STDIN'
            f" (FORMAT csv, DELIMITER E'\\x1f', QUOTE E'\\x1e', NULL '{_NULL}', FORCE_NOT_NULL ({texts}))"
        )
        # Django translates errors of its own methods only
        with cursor.db.wrap_database_errors, cursor.copy(copy_in) as copy:
            rows = iter(rows)
            while some := list(islice(rows, _AT_ONCE)):
                copy.write(_copy_text(some))


def _copy_text(rows: Sequence[Row]) -> str:
    """Return rows in the CSV format of COPY, between separators that hardly any text has.

    psycopg's write_row looks up an adapter for each value, which was most of what an ingested entry cost.
    https://www.postgresql.org/docs/current/sql-copy.html
    """
    between = len(rows[0]) - 1
    each = _BETWEEN.join(["%s"] * (between + 1)) + "\n"
    text = "".join([each % row for row in rows])
    count = (text.count(_BETWEEN), text.count("\n"), text.count("\r"), text.count(_QUOTE))
    if count == (between * len(rows), len(rows), 0, 0):
        return text
    return "".join([each % tuple(map(_quoted, row)) for row in rows])


def _quoted(value: Any) -> Any:
    return f"{_QUOTE}{value.replace(_QUOTE, _QUOTE * 2)}{_QUOTE}" if isinstance(value, str) else value
