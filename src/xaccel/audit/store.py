"""How a batch of lines becomes rows: a few statements for thousands of lines, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from xaccel.audit import upsert
from xaccel.audit.chain import seal
from xaccel.audit.conf import Configuration
from xaccel.audit.downloads import Piece, State, assign, group_of
from xaccel.audit.line import Decided, Line
from xaccel.audit.models import OF_THE_APP, Download, Transfer
from xaccel.audit.outcome import Outcome

_GAVE_BYTES = (Outcome.SENT, Outcome.INCOMPLETE, Outcome.INEXACT)
_COLUMNS = tuple(column.attname for column in Transfer._meta.concrete_fields)
_SEALED = _COLUMNS.index("sealed")
_LINE = tuple(name for name in _COLUMNS if name not in ("id", *OF_THE_APP))
_json = msgspec.json.Encoder().encode
_STATE = tuple(column.name for column in fields(State))
_CHANGING = tuple(
    name for name in _STATE if name not in {"id", "subject", "origin", "key", "version", "client", "group"}
)


@dataclass(slots=True)
class Applied:
    """What a batch came to. transfers, completed: what signals are owed for."""

    lines: int = 0
    duplicates: int = 0
    transfers: list[UUID] = field(default_factory=list)
    completed: list[UUID] = field(default_factory=list)


class Known(NamedTuple):
    """What the app decided, from its row or from the line's note."""

    decided_at: datetime | None = None
    origin: str = ""
    key: str = ""
    version: str = ""
    subject: str = ""
    client: str = ""
    method: str = ""
    filename: str = ""
    as_attachment: bool = False
    reason: str = ""


def apply(batch: Iterable[Line | Decided], *, using: str, conf: Configuration) -> Applied:
    """Store `batch` in the open transaction, in which `upsert.alone` was called before.

    A line whose transfer has one already changes nothing: reading a log twice is harmless.
    """
    lines: dict[UUID, Line] = {}
    decided: dict[UUID, Decided] = {}
    count = 0
    for item in batch:
        count += 1
        if isinstance(item, Line):
            lines.setdefault(item.id, item)
        else:
            decided.setdefault(item.id, item)
    stored = {
        id_: (ended, Known(*values))
        for id_, ended, *values in Transfer.objects.using(using)
        .filter(id__in=upsert.among(using, lines))
        .values_list("id", "ended_at", *Known._fields)
    }
    fresh = [line for line in lines.values() if line.id not in stored or stored[line.id][0] is None]
    made = [(line, _known(line, stored.get(line.id))) for line in fresh]
    late = _late(using)
    pieces = [
        _piece(line, known) for line, known in made if known is not None and line.outcome in _GAVE_BYTES
    ]
    pieces += [_late_piece(row) for row in late if row.outcome in _GAVE_BYTES]
    placed, completed = _place(pieces, using, conf.idle)
    rows = [_row(line, known, placed.get(line.id), chain=conf.chain) for line, known in made]
    upsert.write(
        using,
        Transfer,
        _COLUMNS,
        rows,
        changing=_LINE,
        only='"xaccel_transfer"."ended_at" IS NULL',
    )
    upsert.write(using, Transfer, _COLUMNS, [_decided_row(item, conf.unsealed) for item in decided.values()])
    if conf.chain:
        seal((dict(zip(_COLUMNS, row, strict=True)) for row in rows if row[_SEALED]), using=using)
    for row in late:
        Transfer.objects.using(using).filter(id=row.id).update(
            download_id=placed[row.id].id if row.id in placed else None,
            line_first=False,
            sealed=conf.unsealed,
        )
    return Applied(count, count - len(fresh) - len(decided), [line.id for line in fresh], completed)


def _known(line: Line, row: tuple[Any, Known] | None) -> Known | None:
    known = row[1] if row and row[1].decided_at is not None else None
    if known is None and line.decision is not None:
        said = line.decision
        known = Known(
            said.at,
            line.origin,
            said.key,
            said.version,
            line.subject,
            said.client,
            line.method,
            said.filename,
            said.as_attachment,
            said.reason,
        )
    if known is None:
        return None
    return known if known.version else known._replace(version=line.etag)


def _piece(line: Line, known: Known) -> Piece:
    return Piece(
        line.id,
        group_of(known.subject, known.origin, known.key, known.client, line.ip),
        known.subject,
        known.origin,
        known.key,
        known.version,
        known.client,
        line.first,
        line.sent,
        line.total,
        line.started_at,
        line.ended_at,
    )


def _late(using: str) -> list[Transfer]:
    """Transfers whose line came before their decision, now that both are there."""
    return list(Transfer.objects.using(using).filter(line_first=True, decided_at__isnull=False))


def _late_piece(row: Transfer) -> Piece:
    assert row.started_at is not None
    assert row.ended_at is not None
    return Piece(
        row.id,
        group_of(row.subject, row.origin, row.key, row.client, row.ip),
        *(row.subject, row.origin, row.key, row.version, row.client),
        row.first,
        row.sent or 0,
        row.total,
        row.started_at,
        row.ended_at,
    )


def _place(pieces: list[Piece], using: str, idle: timedelta) -> tuple[dict[UUID, State], list[UUID]]:
    known: dict[UUID, list[State]] = {}
    groups = {piece.group for piece in pieces}
    for row in (
        Download.objects.using(using)
        .filter(group__in=upsert.among(using, groups), closed_at__isnull=True)
        .order_by("opened_at", "id")
        .values_list(*_STATE)
        if groups
        else ()
    ):
        state = State(*row)
        state.spans = tuple((first, end) for first, end in state.spans)
        known.setdefault(state.group, []).append(state)
    complete = {state.id for states in known.values() for state in states if state.sent_complete}
    placed = assign(pieces, known, idle)
    states = [state for states in known.values() for state in states]
    upsert.write(using, Download, _STATE, [_state_row(state) for state in states], changing=_CHANGING)
    return placed, [state.id for state in states if state.sent_complete and state.id not in complete]


def _state_row(state: State) -> list[Any]:
    return [_json(state.spans).decode() if name == "spans" else getattr(state, name) for name in _STATE]


def _row(line: Line, known: Known | None, state: State | None, *, chain: bool) -> tuple[Any, ...]:
    """Return the columns of the model, in its order."""
    said = known or Known(origin=line.origin, subject=line.subject, method=line.method)
    return (
        line.id,
        line.outcome.value,
        said.decided_at,
        said.origin,
        said.key,
        said.version or line.etag,
        said.subject,
        said.client,
        said.method,
        said.filename,
        said.as_attachment,
        said.reason,
        state.id if state else None,
        line.ip,
        line.protocol,
        line.status,
        line.first,
        line.sent,
        line.total,
        line.exact,
        line.body_bytes,
        line.sent_length,
        line.completion,
        line.asked_range,
        line.content_range,
        line.etag,
        line.framing,
        line.encoding,
        line.origin_status,
        line.origin_seconds,
        line.cache,
        line.why,
        line.started_at,
        line.ended_at,
        known is None,
        known is not None if chain else None,
    )


def _decided_row(item: Decided, unsealed: bool | None) -> list[Any]:
    said = item.decision
    values = {
        "id": item.id,
        "outcome": (Outcome.NOT_MODIFIED if item.allowed else Outcome.DENIED).value,
        "decided_at": said.at,
        "origin": item.origin,
        "key": said.key,
        "version": said.version,
        "subject": item.subject,
        "client": said.client,
        "method": item.method,
        "filename": said.filename,
        "as_attachment": said.as_attachment,
        "reason": said.reason,
        "line_first": False,
        "sealed": unsealed,
    }
    return [values.get(name, _NOTHING.get(name)) for name in _COLUMNS]


_NOTHING = {
    column.attname: ""
    for column in Transfer._meta.concrete_fields
    if column.empty_strings_allowed and not column.null
}
