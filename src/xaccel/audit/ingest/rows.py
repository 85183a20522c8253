"""Make the columns of a transfer from its log entry and its decision."""

from __future__ import annotations

import msgspec

from xaccel.audit.decision.instants import text_of
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
    batch = known.batch if known else None
    said = known or Known(origin=line.origin, subject=line.subject, method=line.method)
    return (
        line.id,
        _WORD[line.outcome],
        None if said.decided_at is None else text_of(said.decided_at),
        said.origin,
        said.key,
        said.version if known else line.validator,
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
        batch or (0 if chain and line.why not in FORGED else None),
        "",
        "",
    )
