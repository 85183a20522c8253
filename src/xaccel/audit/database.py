"""Find, insert and update many rows at once, from one parameter of JSON. The ORM takes several times as long."""

from __future__ import annotations

import json
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from django.db import IntegrityError, connections, transaction
from django.db.models import CharField, DateTimeField, ManyToOneRel, Model, QuerySet, UUIDField
from django.db.models.expressions import RawSQL

Row = Mapping[str, Any]
"""Values by column, as JSON has them: UUIDs in the canonical form, times as `values.text_of` writes them."""
_LOCK = 0x7861_6363_656C  # "xaccel"
_LEFT_OUT = {UUIDField: "-", DateTimeField: "+00:00"}
"""Parts that Django omits from such a value in SQLite."""
_AT_ONCE = 1000
"""Rows of one statement: more take as long, and more memory."""
_ID = '"id"'
_json = msgspec.json.Encoder().encode


def is_sqlite(using: str) -> bool:
    """Tell whether a database is SQLite; else it is PostgreSQL."""
    return connections[using].vendor == "sqlite"


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


def write_rows(model: type[Model], rows: Sequence[Row], *, stored: Container[str] = (), using: str) -> None:
    """Update the rows whose ids are in `stored`, and insert the others; all `rows` have the same columns."""
    if not rows:
        return
    values, source = _values(model, rows[0], using)
    names, table = ", ".join(values), model._meta.db_table
    settings = ", ".join(f"{name} = {value}" for name, value in values.items() if name != _ID)
    # All names come from the models, and no value is in the text.
    insert = f'INSERT INTO "{table}" ({names}) SELECT {", ".join(values.values())} FROM {source}'  # noqa: S608
    update = f'UPDATE "{table}" SET {settings} FROM {source} WHERE "{table}"."id" = {values[_ID]}'  # noqa: S608
    new, old = [row for row in rows if row["id"] not in stored], [row for row in rows if row["id"] in stored]
    with connections[using].cursor() as cursor:
        for statement, some in ((insert, new), (update, old)):
            for first in range(0, len(some), _AT_ONCE):
                cursor.execute(statement, [_json(some[first : first + _AT_ONCE]).decode()])


def _values(model: type[Model], row: Row, using: str) -> tuple[dict[str, str], str]:
    """Return an expression for the value of each column of `row`, and the table of JSON in which it is valid."""
    fields = [field for field in model._meta.concrete_fields if field.attname in row]
    if not is_sqlite(using):
        source = f'json_populate_recordset(NULL::"{model._meta.db_table}", %s) AS given'
        return {f'"{field.column}"': f'given."{field.column}"' for field in fields}, source
    values = {}
    for field in fields:
        value = f"json_extract(given.value, '$.\"{field.column}\"')"
        left_out = _LEFT_OUT.get(type(getattr(field, "target_field", field)))
        values[f'"{field.column}"'] = f"replace({value}, '{left_out}', '')" if left_out else value
    return values, "json_each(%s) AS given"


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
