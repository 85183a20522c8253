"""What the database has already of a batch of lines: transfers that the app decided, downloads that are open."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import UTC
from operator import attrgetter
from typing import Any

import msgspec
from django.db import connections
from django.db.models import BooleanField, DateTimeField, Model, UUIDField

from xaccel.audit.decision.instants import instant_of, text_of
from xaccel.audit.ingest.downloads import Open, State
from xaccel.audit.models import Download, Transfer

STATE = State.__struct_fields__[:-4]


class Known(msgspec.Struct, gc=False):
    """What the app decided, from its row. decided_at: microseconds since 1970."""

    decided_at: int | None = None
    origin: str = ""
    key: str = ""
    version: str = ""
    query: str = ""
    subject: str = ""
    client: str = ""
    method: str = ""
    filename: str = ""
    as_attachment: bool = False
    reason: str = ""
    batch: int | None = None


def known_transfers(ids: Collection[str], *, using: str) -> dict[str, tuple[str | None, Known]]:
    """Return of each transfer that is there `why` of its line, None without a line, and what the app decided."""
    columns = ("id", "ended_at", "why", *Known.__struct_fields__)
    return {
        id_: (None if ended is None else why, Known(*values))
        for id_, ended, why, *values in _rows(Transfer, columns, "id", ids, using=using)
    }


def open_downloads(groups: Collection[str], since: int, *, using: str) -> Open:
    """Return the downloads of these groups that are not closed and went on after `since`, microseconds since 1970."""
    found: Open = {}
    # SQLite compares texts: one without a fraction comes before those with one.
    whole = text_of(since // 1_000_000 * 1_000_000)
    whole = whole.removesuffix("+00:00") if connections[using].vendor == "sqlite" else whole
    only = 'AND "closed_at" IS NULL AND "last_at" >= %s'
    rows = _rows(Download, STATE, "group", groups, only, whole, using=using)
    states = [State(*row, kept=True) for row in rows]  # type: ignore[misc]
    for state in sorted(states, key=attrgetter("opened_at", "id")):
        state.spans = tuple((first, end) for first, end in json.loads(state.spans))  # type: ignore[arg-type]
        state.behind = bool(state.spans) and state.spans[0][0] > 0
        found.setdefault(state.group, {}).setdefault(state.version, []).append(state)
    return found


def _rows(
    model: type[Model], columns: tuple[str, ...], name: str, ids: Collection[str], *more: str, using: str
) -> list[Any]:
    """Read rows whose column `name` is among many ids, as plain values: the ORM makes an object of each. more: SQL of
    another condition, and its parameter.

    The thousands of ids are one parameter: as many parameters take long to write.
    """
    only, given = more or ("", None)
    kinds = {column.attname: type(column) for column in model._meta.concrete_fields}
    sqlite = connections[using].vendor == "sqlite"
    shown: dict[type, str] = {} if sqlite else _SHOWN
    listed = "IN (SELECT value FROM json_each(%s))" if sqlite else "= ANY(%s::uuid[])"
    named = json.dumps([id_.replace("-", "") for id_ in ids]) if sqlite else "{" + ",".join(ids) + "}"
    texts = ", ".join(shown.get(kinds[column], '"{}"').format(column) for column in columns)
    with connections[using].cursor() as cursor:  # all names come from the models
        query = f'SELECT {texts} FROM "{model._meta.db_table}" WHERE "{name}" {listed} {only}'  # noqa: S608
        cursor.execute(query, [named, given] if only else [named])
        rows: list[Any] = cursor.fetchall()
    if not sqlite:
        return rows
    plain = [_SQLITE.get(kinds[column], lambda value: value) for column in columns]
    return [
        [value if value is None else of(value) for of, value in zip(plain, row, strict=True)] for row in rows
    ]


# rounded, a double is right to the microsecond until the year 2242
_SHOWN = {UUIDField: '"{}"::text', DateTimeField: "(date_part('epoch', \"{}\") * 1000000)::bigint"}
_SQLITE: dict[type, Callable[[Any], Any]] = {
    UUIDField: lambda text: f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}",
    DateTimeField: lambda at: instant_of(at.replace(tzinfo=UTC)),
    BooleanField: bool,
}
