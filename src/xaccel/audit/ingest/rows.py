"""Make the columns of a transfer from its log entry and its decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from xaccel.audit.decision.instants import datetime_of, text_of
from xaccel.audit.ingest import upsert
from xaccel.audit.ingest.downloads import State
from xaccel.audit.ingest.known import Known
from xaccel.audit.log.line import Line
from xaccel.audit.models import Transfer
from xaccel.audit.outcome import FORGED, Outcome

COLUMNS = tuple(column.attname for column in Transfer._meta.concrete_fields)
_json = msgspec.json.Encoder().encode
_WORD = {outcome: outcome.value for outcome in Outcome}


def transfer_row(line: Line, known: Known | None, state: State | None, *, chain: bool) -> upsert.Row:
    """Return the columns of the model, in its order."""
    said = known or Known(origin=line.origin, subject=line.subject, method=line.method)
    return (
        line.id,
        _WORD[line.outcome],
        None if said.decided_at is None else text_of(said.decided_at),
        said.origin,
        said.key,
        said.version or line.validator,
        said.query,
        said.subject,
        said.client,
        said.method,
        said.filename,
        said.as_attachment,
        said.reason,
        state.id if state else None,
        line.ip,
        line.status,
        line.first,
        line.sent,
        line.total,
        line.body_bytes,
        line.why,
        text_of(line.started_at),
        text_of(line.ended_at),
        _json(line.details).decode(),
        (known is not None if is_sealed(line) else None) if chain else None,
    )


def is_sealed(line: Line) -> bool:
    """Tell whether a line is sealed with its decision: not a forged one, whose place the transfer's own line takes."""
    return line.why not in FORGED


def sealed_row(line: Line, known: Known) -> Mapping[str, Any]:
    """Return the columns of the model as the ORM reads them."""
    values: dict[str, Any] = dict(zip(COLUMNS, transfer_row(line, known, None, chain=True), strict=True))
    for name, at in (
        ("decided_at", known.decided_at),
        ("started_at", line.started_at),
        ("ended_at", line.ended_at),
    ):
        values[name] = None if at is None else datetime_of(at)
    return {**values, "id": UUID(line.id), "details": msgspec.json.decode(values["details"])}
