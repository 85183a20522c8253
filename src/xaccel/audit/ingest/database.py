"""Read and write many rows at once: by COPY in PostgreSQL, by executemany in SQLite. The ORM has neither."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.models import BooleanField, CharField, DateTimeField, Model, TextField, UUIDField

from xaccel.audit.values import microseconds_of

Row = tuple[str | int | float | bool | None, ...]
"""UUIDs are in the canonical form, times as `values.text_of` writes them, JSON is text."""
_LOCK = 0x7861_6363_656C  # "xaccel"
_AT_ONCE = 1000
_BETWEEN, _QUOTE, _NULL = "\x1f", "\x1e", "None"
# rounded, a double is right to the microsecond until the year 2242
_SHOWN = {UUIDField: '"{}"::text', DateTimeField: "(date_part('epoch', \"{}\") * 1000000)::bigint"}
_OF_SQLITE: dict[type, Callable[[Any], Any]] = {
    UUIDField: lambda text: f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}",
    DateTimeField: lambda at: microseconds_of(at.replace(tzinfo=UTC)),
    BooleanField: bool,
}


def is_sqlite(using: str) -> bool:
    """Tell whether a database is SQLite; else it is PostgreSQL."""
    return connections[using].vendor == "sqlite"


def lock_writers(using: str) -> None:
    """Keep other writers of the trail out until the open transaction ends."""
    with connections[using].cursor() as cursor:
        if is_sqlite(using):  # one connection at a time may write
            cursor.execute("UPDATE xaccel_log_position SET lines = lines WHERE 0")
        else:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def read_rows(
    model: type[Model], columns: Sequence[str], name: str, ids: Collection[str], *more: str, using: str
) -> list[Any]:
    """Read rows whose column `name` is among `ids` as plain values: UUIDs as text, times as microseconds since 1970.

    more: SQL of another condition, and its parameter. The thousands of ids are one parameter: as many parameters take
    long to write. The ORM makes an object of each value.
    """
    only, given = more or ("", None)
    kinds = {column.attname: type(column) for column in model._meta.concrete_fields}
    sqlite = is_sqlite(using)
    shown: dict[type, str] = {} if sqlite else _SHOWN
    texts = ", ".join(shown.get(kinds[column], '"{}"').format(column) for column in columns)
    listed, named = _listed(ids, sqlite=sqlite)
    with connections[using].cursor() as cursor:  # all names come from the models
        query = f'SELECT {texts} FROM "{model._meta.db_table}" WHERE "{name}" {listed} {only}'  # noqa: S608
        cursor.execute(query, [named, given] if only else [named])
        rows: list[Any] = cursor.fetchall()
    if not sqlite:
        return rows
    plain = [_OF_SQLITE.get(kinds[column], lambda value: value) for column in columns]
    return [
        [value if value is None else of(value) for of, value in zip(plain, row, strict=True)] for row in rows
    ]


def _listed(ids: Collection[str], *, sqlite: bool) -> tuple[str, str]:
    if sqlite:
        return "IN (SELECT value FROM json_each(%s))", json.dumps([id_.replace("-", "") for id_ in ids])
    return "= ANY(%s::uuid[])", "{" + ",".join(ids) + "}"


def write_rows(
    model: type[Model],
    columns: tuple[str, ...],
    rows: Sequence[Row],
    *,
    using: str,
    replacing: Collection[str] = (),
) -> None:
    """Insert `rows`, each with a value for each of `columns`, after the rows with the ids `replacing` were deleted."""
    if not rows:
        return
    table, sqlite = model._meta.db_table, is_sqlite(using)
    # All names come from the models, and no value is in the text.
    with connections[using].cursor() as cursor:
        if replacing:
            listed, named = _listed(replacing, sqlite=sqlite)
            cursor.execute(f'DELETE FROM "{table}" WHERE id {listed}', [named])  # noqa: S608
        if sqlite:
            marks = ", ".join("%s" for _ in columns)
            insert = f'INSERT INTO "{table}" ({_names(columns)}) VALUES ({marks})'  # noqa: S608
            cursor.executemany(insert, list(_for_sqlite(model, columns, rows)))
        else:
            _copy(cursor, model, columns, rows)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _copy(cursor: Any, model: type[Model], columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    # Python prints None for NULL, but a column of text may hold the word "None".
    texts = _names([columns[at] for at in _places(model, columns, (CharField, TextField))])
    copy_in = (
        f'COPY "{model._meta.db_table}" ({_names(columns)}) FROM STDIN'
        f" (FORMAT csv, DELIMITER E'\\x1f', QUOTE E'\\x1e', NULL '{_NULL}', FORCE_NOT_NULL ({texts}))"
    )
    # Django translates errors of its own methods only
    with cursor.db.wrap_database_errors, cursor.copy(copy_in) as copy:
        for start in range(0, len(rows), _AT_ONCE):
            copy.write(copy_text(rows[start : start + _AT_ONCE]))


def copy_text(rows: Sequence[Row]) -> str:
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


def _quoted(value: str | float | None) -> str | float | None:
    return f"{_QUOTE}{value.replace(_QUOTE, _QUOTE * 2)}{_QUOTE}" if isinstance(value, str) else value


@lru_cache(maxsize=64)
def _places(model: type[Model], columns: tuple[str, ...], kinds: tuple[type, ...]) -> tuple[int, ...]:
    of = {column.attname: getattr(column, "target_field", column) for column in model._meta.concrete_fields}
    return tuple(at for at, name in enumerate(columns) if isinstance(of[name], kinds))


def _for_sqlite(model: type[Model], columns: tuple[str, ...], rows: Sequence[Row]) -> Iterator[list[Any]]:
    """Return values as Django stores them in SQLite: a UUID without hyphens, a time without its zone."""
    uuids, times = (_places(model, columns, (kind,)) for kind in (UUIDField, DateTimeField))
    for row in rows:
        values: list[Any] = list(row)
        for places, left_out in ((uuids, "-"), (times, "+00:00")):
            for at in places:
                values[at] = values[at] and values[at].replace(left_out, "")
        yield values
