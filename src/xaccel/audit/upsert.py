"""Many rows in one statement: PostgreSQL's COPY and SQLite's executemany, which the ORM does not speak."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Model
from django.db.models.expressions import RawSQL

Row = Sequence[Any]


def alone(using: str) -> None:
    """Keep other writers of the audit out until the open transaction ends.

    PostgreSQL takes a lock that belongs to the transaction; SQLite starts to write, which one at a time may.
    """
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        else:
            cursor.execute("UPDATE xaccel_log_position SET lines = lines WHERE 0")


_LOCK = 0x7861_6363_656C  # "xaccel"


def among(using: str, ids: Iterable[UUID]) -> RawSQL:
    """Return thousands of ids for `filter(id__in=…)`, in one parameter: as many parameters take long to write."""
    if connections[using].vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::uuid[])", ["{" + ",".join(map(str, ids)) + "}"])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps([id_.hex for id_ in ids])])


def write(
    using: str,
    model: type[Model],
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    changing: Sequence[str] = (),
    only: str = "",
) -> None:
    """Insert `rows`, each with a value for each of `columns`, "id" among them.

    Where a row with that id is there, its `changing` columns are replaced if `only` (SQL) holds of it; with none of
    them it stays as it is.
    """
    if not rows:
        return
    table = model._meta.db_table
    names = ", ".join(f'"{name}"' for name in columns)
    then = "NOTHING"
    if changing:
        then = "UPDATE SET " + ", ".join(f'"{name}" = excluded."{name}"' for name in changing)
        then += f" WHERE {only}" if only else ""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            stage = f"{table}_stage"
            cursor.execute(
                f'CREATE TEMP TABLE IF NOT EXISTS "{stage}" (LIKE "{table}") ON COMMIT DELETE ROWS'
            )
            cursor.execute(f'TRUNCATE "{stage}"')
            with cursor.copy(f'COPY "{stage}" ({names}) FROM STDIN') as copy:
                for start in range(0, len(rows), _AT_ONCE):
                    copy.write(copy_text(rows[start : start + _AT_ONCE]))
            cursor.execute(
                # All names come from the models, no value stands in the text.
                f'INSERT INTO "{table}" ({names}) SELECT {names} FROM "{stage}" ON CONFLICT (id) DO {then}'  # noqa: S608
            )
        else:
            marks = ", ".join("%s" for _ in columns)
            cursor.executemany(
                f'INSERT INTO "{table}" ({names}) VALUES ({marks}) ON CONFLICT (id) DO {then}',  # noqa: S608
                list(_plain(rows)),
            )


_AT_ONCE = 1000


def copy_text(rows: Sequence[Row]) -> str:
    """Return rows in the text format of COPY (https://www.postgresql.org/docs/current/sql-copy.html).

    psycopg's write_row asks for an adapter of each value: most of what an ingested line cost.
    """
    shown = _SHOWN
    return "".join(["\t".join([shown[type(value)](value) for value in row]) + "\n" for row in rows])


def _escaped(text: str) -> str:
    if text.isprintable() and "\\" not in text:
        return text
    return text.translate(_ESCAPES)


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_SHOWN: dict[type, Callable[[Any], str]] = {
    str: _escaped,
    int: str,
    float: repr,
    bool: lambda value: "t" if value else "f",
    type(None): lambda _: "\\N",
    UUID: str,
    datetime: str,
}


def _plain(rows: Sequence[Row]) -> Iterator[Row]:
    """SQLite's own types for ours, as Django stores them."""
    for row in rows:
        yield [_value(value) for value in row]


def _value(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return value
