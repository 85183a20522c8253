"""How a batch of lines becomes rows: a few statements for thousands of lines, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from xaccel.audit import upsert
from xaccel.audit.chain import seal
from xaccel.audit.conf import Configuration
from xaccel.audit.downloads import Open, Piece, State, assign, group_of
from xaccel.audit.instants import datetime_of, instant, instant_of, text_of
from xaccel.audit.known import STATE, Known, known_transfers, open_downloads
from xaccel.audit.line import Decided, Line
from xaccel.audit.models import OF_THE_APP, Download, Transfer
from xaccel.audit.outcome import FORGED, GAVE_BYTES, Outcome, without_line
from xaccel.audit.pseudonym import is_pseudonym

_WORD = {outcome: outcome.value for outcome in Outcome}
_COLUMNS = tuple(column.attname for column in Transfer._meta.concrete_fields)
_LINE = tuple(name for name in _COLUMNS if name not in ("id", *OF_THE_APP))
_json = msgspec.json.Encoder().encode
_CHANGING = tuple(
    name for name in STATE if name not in {"id", "subject", "origin", "key", "version", "client", "group"}
)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Applied:
    """What a batch came to. transfers, completed: the ids of those for which signals are owed.

    A transfer whose decision comes late is told with its line, and again when it is whole.
    """

    lines: int = 0
    duplicates: int = 0
    transfers: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)


def apply(batch: Iterable[Line | Decided], *, using: str, conf: Configuration) -> Applied:
    """Store `batch` in the open transaction, in which `upsert.alone` was called before.

    A line whose transfer has one already changes nothing: reading a log twice is harmless.
    """
    lines: dict[str, Line] = {}
    decided: dict[str, Decided] = {}
    count = 0
    for item in batch:
        count += 1
        if isinstance(item, Line):
            if item.id not in lines or _instead(item, lines[item.id].why):
                lines[item.id] = item
        else:
            decided.setdefault(item.id, item)
    stored = known_transfers(lines, using=using)
    made = [
        (line, _known(line, stored.get(line.id)))
        for line in lines.values()
        if line.id not in stored or _instead(line, stored[line.id][0])
    ]
    instead = [UUID(line.id) for line, _ in made if line.id in stored and stored[line.id][0] is not None]
    if instead:
        Transfer.objects.using(using).filter(id__in=instead, decided_at=None).delete()
    whole = list(late(using))
    pieces = [_piece(line, known) for line, known in made if known is not None and line.outcome in GAVE_BYTES]
    pieces += [_late_piece(row) for row in whole if row.outcome in GAVE_BYTES]
    placed, completed = _place(pieces, using, conf.idle // _MICROSECOND)
    upsert.write(
        using,
        Transfer,
        _COLUMNS,
        [_row(line, known, placed.get(line.id), chain=conf.chain) for line, known in made],
        changing=_LINE,
        only=f'"xaccel_transfer"."ended_at" IS NULL OR "xaccel_transfer"."why" IN {FORGED}',
    )
    upsert.write(using, Transfer, _COLUMNS, [_decided_row(item, conf.unsealed) for item in decided.values()])
    if conf.chain:
        seal((_sealed(line, known) for line, known in made if known is not None), using=using)
    for row in whole:
        id_ = str(row.id)
        Transfer.objects.using(using).filter(id=row.id).update(
            download_id=placed[id_].id if id_ in placed else None,
            line_first=False,
            sealed=conf.unsealed,
        )
    told = [line.id for line, _ in made] + [str(row.id) for row in whole]
    return Applied(count, count - len(made) - len(decided), told, completed)


def _instead(line: Line, why: str | None) -> bool:
    # A forged line may bear the id of a transfer that is under way.
    return why is None or (why in FORGED and line.why not in FORGED)


def _known(line: Line, row: tuple[str | None, Known] | None) -> Known | None:
    known = row[1] if row and row[1].decided_at is not None else None
    if known is not None:
        known.version = known.version or line.validator
        if is_pseudonym(known.subject):  # forgotten while the transfer was under way
            line.ip = None
        return known
    said = line.decision
    if said is None:
        return None
    return Known(
        instant(said.seconds),
        line.origin,
        said.key,
        said.object_version or line.validator,
        line.subject,
        said.client,
        line.method,
        said.filename,
        said.as_attachment,
        said.reason,
    )


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


def late(using: str) -> QuerySet[Transfer]:
    """Return the transfers whose line came before their decision, now that both are there."""
    return Transfer.objects.using(using).filter(line_first=True, decided_at__isnull=False)


def _late_piece(row: Transfer) -> Piece:
    assert row.started_at is not None
    assert row.ended_at is not None
    return Piece(
        str(row.id),
        group_of(row.subject, row.origin, row.key, row.client, row.ip),
        *(row.subject, row.origin, row.key, row.version, row.client),
        row.first,
        row.sent or 0,
        row.total,
        instant_of(row.started_at),
        instant_of(row.ended_at),
    )


def _place(pieces: list[Piece], using: str, idle: int) -> tuple[dict[str, State], list[str]]:
    if not pieces:
        return {}, []
    since = min(piece.started_at for piece in pieces) - idle
    known = open_downloads({piece.group for piece in pieces}, since, using=using)
    complete = {state.id for state in _states(known) if state.sent_complete}
    placed = assign(pieces, known, idle)
    states = [state for state in _states(known) if state.changed]
    upsert.insert(using, Download, STATE, [_state_row(state) for state in states if not state.kept])
    upsert.write(
        using,
        Download,
        STATE,
        [_state_row(state) for state in states if state.kept],
        changing=_CHANGING,
    )
    for state in states:
        if state.joined:
            joined = [UUID(id_) for id_ in state.joined]
            Transfer.objects.using(using).filter(download__in=joined).update(download=state.id)
            Download.objects.using(using).filter(id__in=joined).delete()
    return placed, [state.id for state in states if state.sent_complete and state.id not in complete]


def _states(known: Open) -> Iterator[State]:
    for versions in known.values():
        for states in versions.values():
            yield from states


def _state_row(state: State) -> upsert.Row:
    """Return the columns of STATE, in its order."""
    return (
        state.id,
        state.subject,
        state.origin,
        state.key,
        state.version,
        state.client,
        state.group,
        text_of(state.opened_at),
        text_of(state.last_at),
        None if state.closed_at is None else text_of(state.closed_at),
        state.transfers,
        state.total,
        state.sent_bytes,
        state.given_bytes,
        _json(state.spans).decode(),
        state.sent_complete,
        None if state.completed_at is None else text_of(state.completed_at),
        state.mixed,
    )


def _row(line: Line, known: Known | None, state: State | None, *, chain: bool) -> upsert.Row:
    """Return the columns of the model, in its order."""
    said = known or Known(origin=line.origin, subject=line.subject, method=line.method)
    return (
        line.id,
        _WORD[line.outcome],
        None if said.decided_at is None else text_of(said.decided_at),
        said.origin,
        said.key,
        said.version or line.validator,
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
        text_of(line.started_at),
        text_of(line.ended_at),
        known is None,
        known is not None if chain else None,
    )


def _sealed(line: Line, known: Known) -> Mapping[str, Any]:
    """Return the columns of the model as the ORM reads them."""
    values: dict[str, Any] = dict(zip(_COLUMNS, _row(line, known, None, chain=True), strict=True))
    for name, at in (
        ("decided_at", known.decided_at),
        ("started_at", line.started_at),
        ("ended_at", line.ended_at),
    ):
        values[name] = None if at is None else datetime_of(at)
    return {**values, "id": UUID(line.id)}


def _decided_row(item: Decided, unsealed: bool | None) -> upsert.Row:
    said = item.decision
    values: dict[str, str | bool | None] = {
        "id": item.id,
        "outcome": _WORD[without_line(allowed=item.allowed, reason=said.reason)],
        "decided_at": text_of(instant(said.seconds)),
        "origin": item.origin,
        "key": said.key,
        "version": said.object_version,
        "subject": item.subject,
        "client": said.client,
        "method": item.method,
        "filename": said.filename,
        "as_attachment": said.as_attachment,
        "reason": said.reason,
        "line_first": False,
        "sealed": unsealed,
    }
    return tuple([values.get(name, _NOTHING.get(name)) for name in _COLUMNS])


_NOTHING = {
    column.attname: ""
    for column in Transfer._meta.concrete_fields
    if column.empty_strings_allowed and not column.null
}
