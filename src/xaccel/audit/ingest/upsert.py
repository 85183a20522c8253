"""Many rows in one statement: PostgreSQL's COPY and SQLite's executemany, which the ORM does not speak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.models import CharField, DateTimeField, Model, TextField, UUIDField

Row = tuple[str | int | float | bool | None, ...]
"""UUIDs are in the canonical form, moments as `instants.text_of` writes them, JSON is text."""
_LOCK = 0x7861_6363_656C  # "xaccel"
_AT_ONCE = 1000
_BETWEEN, _QUOTE, _NULL = "\x1f", "\x1e", "None"


def alone(using: str) -> None:
    """Keep other writers of the audit out until the open transaction ends.

    PostgreSQL takes a lock that belongs to the transaction; SQLite starts to write, which one at a time may.
    """
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        else:
            cursor.execute("UPDATE xaccel_log_position SET lines = lines WHERE 0")


def write(
    using: str,
    model: type[Model],
    columns: tuple[str, ...],
    rows: Sequence[Row],
    *,
    changing: Sequence[str] = (),
    only: str = "",
) -> None:
    """Insert `rows`, each with a value for each of `columns`.

    Without `changing` no id may be there yet. Else a row that is there gets these columns, if `only` (SQL) holds of it.
    """
    if not rows:
        return
    table, names = model._meta.db_table, _names(columns)
    updates = ", ".join(f'"{name}" = excluded."{name}"' for name in changing)
    then = f" ON CONFLICT (id) DO UPDATE SET {updates} WHERE {only or 'TRUE'}" if changing else ""
    # All names come from the models, no value stands in the text.
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "sqlite":
            marks = ", ".join("%s" for _ in columns)
            insert = f'INSERT INTO "{table}" ({names}) VALUES ({marks}){then}'  # noqa: S608
            cursor.executemany(insert, list(_plain(model, columns, rows)))
        elif not changing:
            _copy(cursor, model, table, columns, rows)
        else:
            stage = f"{table}_stage"
            like = f'(LIKE "{table}" INCLUDING DEFAULTS) ON COMMIT DELETE ROWS'
            cursor.execute(f'CREATE TEMP TABLE IF NOT EXISTS "{stage}" {like}')
            cursor.execute(f'TRUNCATE "{stage}"')
            _copy(cursor, model, stage, columns, rows)
            cursor.execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM "{stage}"{then}')  # noqa: S608


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _copy(cursor: Any, model: type[Model], table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    # What Python prints for None is NULL, but never in a column of text: there it is what somebody's file is called.
    texts = _names([columns[at] for at in _places(model, columns, (CharField, TextField))])
    copy_in = (
        f"COPY \"{table}\" ({_names(columns)}) FROM STDIN (FORMAT csv, DELIMITER E'\\x1f', QUOTE E'\\x1e',"
        f" NULL '{_NULL}', FORCE_NOT_NULL ({texts}))"
    )
    # Django translates errors of its own methods only
    with cursor.db.wrap_database_errors, cursor.copy(copy_in) as copy:
        for start in range(0, len(rows), _AT_ONCE):
            copy.write(copy_text(rows[start : start + _AT_ONCE]))


def copy_text(rows: Sequence[Row]) -> str:
    """Return rows in the CSV format of COPY, between separators that hardly any text has.

    psycopg's write_row looks up an adapter for each value, which was most of what an ingested line cost.
    https://www.postgresql.org/docs/current/sql-copy.html
    """
    between = len(rows[0]) - 1
    each = _BETWEEN.join(["%s"] * (between + 1)) + "\n"
    text = "".join([each % row for row in rows])
    count = (text.count(_BETWEEN), text.count("\n"), text.count("\r"), text.count(_QUOTE))
    if count == (between * len(rows), len(rows), 0, 0):
        return text
    return "".join([each % tuple(map(_quoted, row)) for row in rows])


def _quoted(value: str | float | None) -> str | float | None:
    return f"{_QUOTE}{value.replace(_QUOTE, _QUOTE * 2)}{_QUOTE}" if isinstance(value, str) else value


@lru_cache(maxsize=64)
def _places(model: type[Model], columns: tuple[str, ...], kinds: tuple[type, ...]) -> tuple[int, ...]:
    of = {column.attname: getattr(column, "target_field", column) for column in model._meta.concrete_fields}
    return tuple(at for at, name in enumerate(columns) if isinstance(of[name], kinds))


def _plain(model: type[Model], columns: tuple[str, ...], rows: Sequence[Row]) -> Iterator[list[Any]]:
    """Values as Django stores them in SQLite: a UUID without hyphens, a moment without its zone."""
    uuids, moments = (_places(model, columns, (kind,)) for kind in (UUIDField, DateTimeField))
    for row in rows:
        values: list[Any] = list(row)
        for places, left_out in ((uuids, "-"), (moments, "+00:00")):
            for at in places:
                values[at] = values[at] and values[at].replace(left_out, "")
        yield values
