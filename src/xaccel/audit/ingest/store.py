"""How a batch of lines becomes rows: a few statements for thousands of lines, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from uuid import UUID

from django.db.models import F

from xaccel.audit.chain.seals import seal_late
from xaccel.audit.conf import Configuration
from xaccel.audit.decision.pseudonym import is_pseudonym
from xaccel.audit.ingest import upsert
from xaccel.audit.ingest.downloads import Open, Piece, State, assign, group_of
from xaccel.audit.ingest.known import STATE, Known, known_transfers, open_downloads
from xaccel.audit.ingest.removals import removed
from xaccel.audit.ingest.rows import COLUMNS, state_row, transfer_row
from xaccel.audit.log.line import Line
from xaccel.audit.models import OF_THE_APP, Download, Transfer
from xaccel.audit.outcome import FORGED, GAVE_BYTES

_LINE = tuple(name for name in COLUMNS if name not in {"id", "person_proof", "address_proof", *OF_THE_APP})
_CHANGING = STATE[STATE.index("group") + 1 :]
_SAME = attrgetter(*Piece.__struct_fields__[2:8])
_INTERVAL = attrgetter(*Piece.__struct_fields__[8:])
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Applied:
    """What a batch came to. transfers, completed: the ids of those for which signals are owed.

    skipped: entries that are older than what `prune` or `forget` removed.
    """

    lines: int = 0
    duplicates: int = 0
    skipped: int = 0
    transfers: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)

    def add(self, other: Applied) -> None:
        """Add what another batch came to."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def apply(batch: Sequence[Line], *, using: str, conf: Configuration) -> Applied:
    """Store `batch` in the open transaction, in which `upsert.alone` was called before.

    A line whose transfer has one already changes nothing: reading a log twice is harmless.
    """
    lines: dict[str, Line] = {}
    for item in batch:
        if item.id not in lines or _instead(item, lines[item.id].why):
            lines[item.id] = item
    stored = known_transfers(lines, using=using)
    skipped = removed((line for line in lines.values() if line.id not in stored), using=using)
    for id_ in skipped:
        del lines[id_]
    made = [
        (line, _known(line, stored.get(line.id)))
        for line in lines.values()
        if line.id not in stored or _instead(line, stored[line.id][0])
    ]
    instead = [UUID(line.id) for line, _ in made if line.id in stored and stored[line.id][0] is not None]
    Transfer.objects.using(using).filter(id__in=instead, decided_at=None).delete()
    pieces = [_piece(line, known) for line, known in made if known is not None and line.outcome in GAVE_BYTES]
    placed, completed = _place(pieces, using, conf.idle // _MICROSECOND)
    only = f'"xaccel_transfer"."ended_at" IS NULL OR "xaccel_transfer"."why" IN {FORGED}'
    rows = [transfer_row(line, known, placed.get(line.id), chain=conf.chain) for line, known in made]
    upsert.write(using, Transfer, COLUMNS, rows, changing=_LINE, only=only)
    late = [UUID(line.id) for line, known in made if known and known.batch and line.why not in FORGED]
    if conf.chain and late:
        seal_late(late, using=using)
    duplicates = len(batch) - len(made) - len(skipped)
    return Applied(len(batch), duplicates, len(skipped), [line.id for line, _ in made], completed)


def _instead(line: Line, why: str | None) -> bool:
    # A forged line may bear the id of a transfer that is under way.
    return why is None or (why in FORGED and line.why not in FORGED)


def _known(line: Line, row: tuple[str | None, Known] | None) -> Known | None:
    """Return what the app decided; None for a line whose decision was rolled back, or that is forged."""
    if row is None or row[1].decided_at is None:
        return None
    known = row[1]
    if known.batch:
        line.details.version_before = known.version
    if line.why not in FORGED:
        known.version = known.version or line.validator
    if is_pseudonym(known.subject):  # forgotten while the transfer was under way
        line.ip = None
    return known


def _piece(line: Line, known: Known) -> Piece:
    group = group_of(known.subject, known.origin, known.key, known.client, line.ip, known.query)
    return Piece(line.id, group, *_SAME(known), *_INTERVAL(line))


def _place(pieces: list[Piece], using: str, idle: int) -> tuple[dict[str, State], list[str]]:
    if not pieces:
        return {}, []
    since = min(piece.started_at for piece in pieces) - idle
    known = open_downloads({piece.group for piece in pieces}, since, using=using)
    complete = {state.id for state in _states(known) if state.sent_complete}
    placed = assign(pieces, known, idle)
    states = [state for state in _states(known) if state.changed]
    upsert.write(using, Download, STATE, [state_row(state) for state in states if not state.kept])
    kept = [state_row(state) for state in states if state.kept]
    upsert.write(using, Download, STATE, kept, changing=_CHANGING)
    for state in states:
        if state.joined:
            joined = Download.objects.using(using).filter(id__in=[UUID(id_) for id_ in state.joined])
            Transfer.objects.using(using).filter(download__in=joined).update(download=state.id)
            pruned = F("pruned") + sum(joined.values_list("pruned", flat=True))
            Download.objects.using(using).filter(id=state.id).update(pruned=pruned)
            joined.delete()
    return placed, [state.id for state in states if state.sent_complete and state.id not in complete]


def _states(known: Open) -> list[State]:
    return [state for versions in known.values() for states in versions.values() for state in states]
