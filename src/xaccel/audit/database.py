"""Lock other writers out, and find and write many rows at once, faster than the ORM does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from django.db import IntegrityError, connections, transaction
from django.db.models import (
    CharField,
    DateTimeField,
    Field,
    JSONField,
    ManyToOneRel,
    Model,
    QuerySet,
    TextField,
    UUIDField,
)
from django.db.models.expressions import RawSQL

_LOCK = 0x7861_6363_656C  # "xaccel"
_AT_ONCE = 1000
"""Rows of one statement, which has them in one parameter of JSON: more take as long, and more memory."""
_json = msgspec.json.Encoder().encode


def is_sqlite(using: str) -> bool:
    """Tell whether a database is SQLite; else it is PostgreSQL."""
    return connections[using].vendor == "sqlite"


def filtered_tables(models: Iterable[type[Model]], *, using: str) -> list[str]:
    """Return the tables whose rows can differ from query to query: views, and tables with a row-level policy."""
    names = [model._meta.db_table for model in models]
    with connections[using].cursor() as cursor:
        if is_sqlite(using):
            cursor.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")
        else:
            filters = "relrowsecurity OR relkind NOT IN ('r', 'p')"
            statement = f"SELECT relname FROM pg_class WHERE oid = ANY(%s::regclass[]) AND ({filters})"  # noqa: S608
            cursor.execute(statement, [names])
        filtered = {row[0] for row in cursor.fetchall()}
    return [name for name in names if name in filtered]


@contextmanager
def writing(using: str) -> Iterator[None]:
    """Open a transaction that keeps other writers of the trail out until it ends."""
    with transaction.atomic(using=using):
        with connections[using].cursor() as cursor:
            if is_sqlite(using):  # one connection at a time may write
                cursor.execute("UPDATE xaccel_log_position SET path = path WHERE 0")
            else:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


def random_text(using: str) -> RawSQL:
    """Return an expression for a random text in each row: at least 122 bits, in a form of UUIDs."""
    text = "lower(hex(randomblob(16)))" if is_sqlite(using) else "gen_random_uuid()::text"
    return RawSQL(text, (), CharField())  # noqa: S611


def rows_among(model: type[Model], column: str, ids: Iterable[str], *, using: str) -> QuerySet[Any]:
    """Return the rows whose `column` is among `ids`, which are UUIDs in the canonical form."""
    each = (
        "replace(value, '-', '') FROM json_each(%s)"
        if is_sqlite(using)
        else "json_array_elements_text(%s)::uuid"
    )
    listed = RawSQL(f"SELECT {each}", (_json([*ids]).decode(),))  # noqa: S611
    return model._default_manager.using(using).filter(**{f"{column}__in": listed})


def upsert_rows(
    model: type[Model],
    columns: Sequence[str],
    rows: Sequence[Any],
    *,
    update: Iterable[str] = (),
    new: Mapping[str, Any] | None = None,
    using: str,
) -> None:
    """Insert `rows`, or update the rows that have the same id already.

    Each row is an array in JSON, with a value for each of `columns`; names that are no columns are left out.
    update: the columns that an update sets; all of `columns` by default. new: more columns, which only an insert sets.
    """
    if not rows:
        return
    new = new or {}
    fields = {field.attname: field for field in model._meta.concrete_fields if field.attname in columns}
    value = _in_sqlite if is_sqlite(using) else _in_postgresql
    values = [value(field, columns.index(name)) for name, field in fields.items()] + ["%s"] * len(new)
    source = "json_each(%s)" if is_sqlite(using) else "jsonb_array_elements(%s) AS given(value)"
    names = ", ".join(f'"{name}"' for name in [*fields, *new])
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in update or fields if name != "id")
    # All names come from the models, and no value is in the text.
    statement = (
        f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {", ".join(values)} FROM {source} WHERE true'  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {changes}"
    )
    with connections[using].wrap_database_errors, _cursor(using) as cursor:
        for first in range(0, len(rows), _AT_ONCE):
            given = _json(rows[first : first + _AT_ONCE]).decode()
            cursor.execute(statement, [*new.values(), given])


def _cursor(using: str) -> Any:
    """Open a cursor that sends parameters apart. psycopg's for Django puts them into the statement's text, which took a
    tenth of the time of an entry.
    """
    connection: Any = connections[using]
    apart = None if is_sqlite(using) else getattr(connection.Database, "Cursor", None)  # psycopg 2 has none
    return apart(connection.connection) if apart else connection.cursor()


def _in_postgresql(field: Field[Any, Any], index: int) -> str:
    """Return the value of a column from an array of JSON."""
    if isinstance(field, JSONField):
        return f"value -> {index}"
    text = f"(value ->> {index})"
    is_text = isinstance(field, CharField | TextField)
    return text if is_text else f"{text}::{field.db_type(connections['default'])}"


def _in_sqlite(field: Field[Any, Any], index: int) -> str:
    """Return the value of a column from an array of JSON, without the parts that Django omits from it in SQLite."""
    value = f"json_extract(value, '$[{index}]')"
    kind = type(getattr(field, "target_field", field))
    if kind is UUIDField:
        return f"replace({value}, '-', '')"
    return f"replace(rtrim({value}, 'Z'), 'T', ' ')" if kind is DateTimeField else value


def merge_rows(model: type[Model], ids: Collection[Any], into: str, *, using: str) -> None:
    """Delete the rows with `ids`, after each row that points to one of them, of a project too, points to `into`."""
    for link in model._meta.get_fields(include_hidden=True):
        if isinstance(link, ManyToOneRel):
            rows = link.related_model._base_manager.using(using).filter(**{f"{link.field.name}__in": ids})
            _update(rows, {link.field.name: into})
    model._default_manager.using(using).filter(pk__in=ids).delete()


def _update(rows: QuerySet[Any], values: Mapping[str, Any]) -> None:
    """Update `rows`, but those that a unique key of the project refuses: their `on_delete` decides."""
    try:
        with transaction.atomic(using=rows.db):
            rows.update(**values)
    except IntegrityError:
        keys = list(rows.values_list("pk", flat=True))
        for key in keys if len(keys) > 1 else ():
            _update(rows.filter(pk=key), values)
