"""Many rows in one statement: PostgreSQL's COPY and SQLite's executemany, which the ORM does not speak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.models import CharField, DateTimeField, Model, TextField, UUIDField

Row = tuple[str | int | float | bool | None, ...]
"""UUIDs are in the canonical form, moments as `instants.text_of` writes them, JSON is text."""


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


def insert(using: str, model: type[Model], columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Insert `rows`, each with a value for each of `columns`; none of their ids is there yet."""
    if not rows:
        return
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":
            _copy(cursor, model, model._meta.db_table, columns, rows)
        else:
            cursor.executemany(_insert_each(model, columns), list(_plain(model, columns, rows)))


def write(
    using: str,
    model: type[Model],
    columns: tuple[str, ...],
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
    names = _names(columns)
    then = "NOTHING"
    if changing:
        then = "UPDATE SET " + ", ".join(f'"{name}" = excluded."{name}"' for name in changing)
        then += f" WHERE {only}" if only else ""
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":
            stage = f"{table}_stage"
            cursor.execute(
                f'CREATE TEMP TABLE IF NOT EXISTS "{stage}" (LIKE "{table}" INCLUDING DEFAULTS) ON COMMIT DELETE ROWS'
            )
            cursor.execute(f'TRUNCATE "{stage}"')
            _copy(cursor, model, stage, columns, rows)
            cursor.execute(
                # All names come from the models, no value stands in the text.
                f'INSERT INTO "{table}" ({names}) SELECT {names} FROM "{stage}" ON CONFLICT (id) DO {then}'  # noqa: S608
            )
        else:
            each = f"{_insert_each(model, columns)} ON CONFLICT (id) DO {then}"
            cursor.executemany(each, list(_plain(model, columns, rows)))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _insert_each(model: type[Model], columns: Sequence[str]) -> str:
    marks = ", ".join("%s" for _ in columns)
    return f'INSERT INTO "{model._meta.db_table}" ({_names(columns)}) VALUES ({marks})'  # noqa: S608


_AT_ONCE = 1000
_BETWEEN, _QUOTE, _NULL = "\x1f", "\x1e", "None"


def _copy(cursor: Any, model: type[Model], table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    # What Python prints for None is NULL, but never in a column of text: there it is what somebody's file is called.
    texts = _names([columns[at] for at in _places(model, columns, (CharField, TextField))])
    # Django translates errors of its own methods only
    with (
        cursor.db.wrap_database_errors,
        cursor.copy(
            f"COPY \"{table}\" ({_names(columns)}) FROM STDIN (FORMAT csv, DELIMITER E'\\x1f', QUOTE E'\\x1e',"
            f" NULL '{_NULL}', FORCE_NOT_NULL ({texts}))"
        ) as copy,
    ):
        for start in range(0, len(rows), _AT_ONCE):
            copy.write(copy_text(rows[start : start + _AT_ONCE]))


def copy_text(rows: Sequence[Row]) -> str:
    """Return rows in the CSV format of COPY (https://www.postgresql.org/docs/current/sql-copy.html), between
    separators that hardly a text has in it.

    psycopg's write_row asks for an adapter of each value, and the text format for a look at each: most of what an
    ingested line cost.
    """
    between = len(rows[0]) - 1
    each = _BETWEEN.join(["%s"] * (between + 1)) + "\n"
    text = "".join([each % row for row in rows])
    if (
        text.count(_BETWEEN) == between * len(rows)
        and text.count("\n") == len(rows)
        and "\r" not in text
        and _QUOTE not in text
    ):
        return text
    return "".join([each % tuple(map(_quoted, row)) for row in rows])


def _quoted(value: str | float | None) -> str | float | None:
    if isinstance(value, str):
        return f"{_QUOTE}{value.replace(_QUOTE, _QUOTE * 2)}{_QUOTE}"
    return value


@lru_cache(maxsize=64)
def _places(model: type[Model], columns: tuple[str, ...], kinds: tuple[type, ...]) -> tuple[int, ...]:
    of = {column.attname: column for column in model._meta.concrete_fields}
    return tuple(
        at
        for at, name in enumerate(columns)
        if isinstance(getattr(of[name], "target_field", of[name]), kinds)
    )


def _plain(model: type[Model], columns: tuple[str, ...], rows: Sequence[Row]) -> Iterator[list[Any]]:
    """Values as Django stores them in SQLite: a UUID without hyphens, a moment without its zone."""
    uuids = _places(model, columns, (UUIDField,))
    moments = _places(model, columns, (DateTimeField,))
    for row in rows:
        values: list[Any] = list(row)
        for places, plain in ((uuids, _hex), (moments, _zoneless)):
            for at in places:
                values[at] = values[at] and plain(values[at])
        yield values


def _hex(text: str) -> str:
    return text.replace("-", "")


def _zoneless(text: str) -> str:
    return text.removesuffix("+00:00")
