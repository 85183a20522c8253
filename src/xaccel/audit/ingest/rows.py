"""Make the columns of transfers and downloads from log entries, decisions and what they come to."""

from __future__ import annotations

from operator import attrgetter

import msgspec

from xaccel.audit.decision.instants import text_of
from xaccel.audit.ingest import upsert
from xaccel.audit.ingest.downloads import State
from xaccel.audit.ingest.known import STATE, Known
from xaccel.audit.log.line import Line
from xaccel.audit.models import Transfer
from xaccel.audit.outcome import FORGED, Outcome

COLUMNS = tuple(column.attname for column in Transfer._meta.concrete_fields)
_json = msgspec.json.Encoder().encode
_WORD = {outcome: outcome.value for outcome in Outcome}
_OF_THE_APP = attrgetter(*COLUMNS[COLUMNS.index("origin") : COLUMNS.index("download_id")])
_OF_THE_LINE = attrgetter(*COLUMNS[COLUMNS.index("ip") : COLUMNS.index("started_at")])
_BEFORE_MOMENTS = attrgetter(*STATE[: STATE.index("opened_at")])
_COUNTS = attrgetter(*STATE[STATE.index("transfers") : STATE.index("spans")])


def transfer_row(line: Line, known: Known | None, state: State | None, *, chain: bool) -> upsert.Row:
    """Return the columns of the model, in its order."""
    said = known or Known(None, line.origin, "", line.validator, "", line.subject, "", line.method)
    return (
        line.id,
        _WORD[line.outcome],
        _moment(said.decided_at),
        *_OF_THE_APP(said),
        state.id if state else None,
        *_OF_THE_LINE(line),
        text_of(line.started_at),
        text_of(line.ended_at),
        _json(line.details).decode(),
        said.batch or (0 if chain and line.why not in FORGED else None),
        "",
        "",
    )


def state_row(state: State) -> upsert.Row:
    """Return the columns of STATE, in its order."""
    return (
        *_BEFORE_MOMENTS(state),
        text_of(state.opened_at),
        text_of(state.last_at),
        _moment(state.closed_at),
        *_COUNTS(state),
        _json(state.spans).decode(),
        state.sent_complete,
        _moment(state.completed_at),
        state.mixed,
    )


def _moment(at: int | None) -> str | None:
    return None if at is None else text_of(at)
