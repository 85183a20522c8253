"""What the database has already of a batch of lines: transfers that the app decided, downloads that are open."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
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
    subject: str = ""
    client: str = ""
    method: str = ""
    filename: str = ""
    as_attachment: bool = False
    reason: str = ""
    query: str = ""
    batch: int | None = None


def known_transfers(ids: Collection[str], *, using: str) -> dict[str, tuple[str | None, Known]]:
    """Return of each transfer that is there `why` of its line, None without a line, and what the app decided."""
    columns = ("id", "ended_at", "why", *Known.__struct_fields__)
    return {
        id_: (None if ended is None else why, Known(*values))
        for id_, ended, why, *values in _rows(Transfer, columns, ("id", ids), using=using)
    }


def open_downloads(groups: Collection[str], since: int, *, using: str) -> Open:
    """Return the downloads of these groups that are not closed and went on after `since`, microseconds since 1970."""
    found: Open = {}
    # SQLite compares texts: one without a fraction comes before those with one.
    whole = text_of(since // 1_000_000 * 1_000_000).removesuffix("+00:00" if _sqlite(using) else "")
    among = ("group", groups)
    only = '"closed_at" IS NULL AND "last_at" >= %s'
    states = [
        State(*row, kept=True)  # type: ignore[misc]
        for row in _rows(Download, STATE, among, using=using, only=only, given=(whole,))
    ]
    for state in sorted(states, key=lambda state: (state.opened_at, state.id)):
        state.spans = tuple((first, end) for first, end in json.loads(state.spans))  # type: ignore[arg-type]
        state.behind = bool(state.spans) and state.spans[0][0] > 0
        found.setdefault(state.group, {}).setdefault(state.version, []).append(state)
    return found


def _sqlite(using: str) -> bool:
    return connections[using].vendor == "sqlite"


def _rows(
    model: type[Model],
    columns: tuple[str, ...],
    among: tuple[str, Collection[str]],
    *,
    using: str,
    only: str = "TRUE",
    given: tuple[str, ...] = (),
) -> Iterator[tuple[Any, ...]]:
    """Read rows whose column is among many ids, as plain values: the ORM makes an object of each.

    The thousands of ids are one parameter: as many parameters take long to write.
    """
    name, ids = among
    if not ids:
        return
    postgresql = not _sqlite(using)
    table = model._meta.db_table
    kinds = {column.attname: type(column) for column in model._meta.concrete_fields}
    shown = ", ".join(_shown(column, kinds[column], postgresql=postgresql) for column in columns)
    if postgresql:
        listed, named = "= ANY(%s::uuid[])", "{" + ",".join(ids) + "}"
    else:
        listed, named = (
            "IN (SELECT value FROM json_each(%s))",
            json.dumps([id_.replace("-", "") for id_ in ids]),
        )
    with connections[using].cursor() as cursor:
        # All names come from the models.
        cursor.execute(f'SELECT {shown} FROM "{table}" WHERE "{name}" {listed} AND {only}', [named, *given])  # noqa: S608
        rows = cursor.fetchall()
    if postgresql:
        yield from rows
        return
    plain: list[Callable[[Any], Any]] = [
        _SQLITE.get(kinds[column], lambda value: value) for column in columns
    ]
    for row in rows:
        yield tuple(None if value is None else of(value) for of, value in zip(plain, row, strict=True))


def _shown(column: str, kind: type, *, postgresql: bool) -> str:
    if postgresql and kind is UUIDField:
        return f'"{column}"::text'
    if postgresql and kind is DateTimeField:
        # rounded, a double is right to the microsecond until the year 2242
        return f"(date_part('epoch', \"{column}\") * 1000000)::bigint"
    return f'"{column}"'


def _uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _instant(at: datetime) -> int:
    return instant_of(at.replace(tzinfo=UTC))


_SQLITE: dict[type, Callable[[Any], Any]] = {UUIDField: _uuid, DateTimeField: _instant, BooleanField: bool}
