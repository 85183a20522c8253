"""Store a batch of log entries: a few statements for thousands of entries, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from xaccel.audit.chain.seals import seal_late
from xaccel.audit.database import merge_rows, rows_among, write_rows
from xaccel.audit.ingest.downloads import Open, State, assign, group_of
from xaccel.audit.log.entry import LogEntry
from xaccel.audit.models import Download, PendingSignal, Transfer
from xaccel.audit.removals import removed_ids
from xaccel.audit.settings import AuditSettings
from xaccel.audit.signals import download_completed, transfer_completed
from xaccel.audit.values import FORGED, GAVE_BYTES, datetime_of, is_pseudonym, microseconds_of, text_of

_MICROSECOND = timedelta(microseconds=1)
_PLAIN: dict[type, Callable[[Any], Any]] = {
    UUID: str,
    datetime: microseconds_of,
    list: lambda spans: tuple(map(tuple, spans)),
}
_STATE = [field.attname for field in Download._meta.concrete_fields]
_NO_DECISION = "key", "query", "client", "filename", "reason", "person_proof", "address_proof"


class Decision(msgspec.Struct, gc=False):
    """The decision of the app, from its row. is_known: whether the row has one, see `Transfer.decided_at`.

    why: of the log entry that the row has already; None without one.
    """

    why: str | None
    is_known: bool
    origin: str
    key: str
    version: str
    query: str
    subject: str
    client: str
    batch: int | None


@dataclass(slots=True)
class Counted:
    """Counts of one ingestion.

    skipped: entries that are older than what `prune` or `forget` removed. lost: files that were cut, or rotated away
    and are not to be found, so that what was not read of them is lost.
    """

    lines: int = 0
    duplicates: int = 0
    skipped: int = 0
    rejected: int = 0
    lost: int = 0

    def add(self, other: Counted) -> None:
        """Add what another batch came to."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def store(batch: Sequence[LogEntry], *, using: str, conf: AuditSettings) -> Counted:
    """Store `batch` in the open transaction, which `writing` opened.

    An entry whose transfer has one already changes nothing: reading a log twice is harmless.
    """
    entries: dict[str, LogEntry] = {}
    for item in batch:
        if item.id not in entries or _replaces(item, entries[item.id].why):
            entries[item.id] = item
    stored = _stored_decisions(entries, using)
    skipped = removed_ids((entry for entry in entries.values() if entry.id not in stored), using=using)
    for id_ in skipped:
        del entries[id_]
    made = [
        (entry, _decision_for(entry, stored.get(entry.id)))
        for entry in entries.values()
        if entry.id not in stored or _replaces(entry, stored[entry.id].why, stored[entry.id].batch)
    ]
    gave = [_as_download(entry, said) for entry, said in made if said and entry.outcome in GAVE_BYTES]
    placed, completed = _place(gave, using, conf.idle // _MICROSECOND)
    decided = [_entry_columns(entry, said, placed, chain=conf.chain) for entry, said in made if said]
    write_rows(Transfer, decided, stored=stored, using=using)
    others = [
        _entry_columns(entry, None, placed, chain=conf.chain) | _decision_columns(entry)
        for entry, said in made
        if not said
    ]
    write_rows(Transfer, others, stored=stored, using=using)
    late = [UUID(entry.id) for entry, said in made if said and said.batch]
    if late:
        seal_late(late, using=using)
    pending: list[PendingSignal] = []
    if transfer_completed.has_listeners(Transfer):
        pending += [PendingSignal(transfer=entry.id) for entry, _ in made]
    if download_completed.has_listeners(Download):
        pending += [PendingSignal(download=id_) for id_ in completed]
    PendingSignal.objects.using(using).bulk_create(pending, batch_size=500)
    return Counted(len(batch), len(batch) - len(made) - len(skipped), len(skipped))


def _replaces(entry: LogEntry, why: str | None, batch: int | None = None) -> bool:
    # A forged entry may have the id of a transfer that is under way. It changes nothing of a sealed row.
    if entry.why in FORGED:
        return why is None and not batch
    return why is None or why in FORGED


def _stored_decisions(ids: Collection[str], using: str) -> dict[str, Decision]:
    rows = rows_among(Transfer, "id", ids, using=using)
    rows = rows.annotate(text=Cast("id", TextField()), is_known=Q(decided_at__isnull=False))
    return {
        # SQLite stores it without hyphens
        id_ if len(id_) == 36 else str(UUID(id_)): Decision(None if ended is None else why, *said)
        for id_, ended, why, *said in rows.values_list("text", "ended_at", *Decision.__struct_fields__)
    }


def _decision_for(entry: LogEntry, said: Decision | None) -> Decision | None:
    """Return what the app decided; None for an entry whose decision was rolled back, or that is forged."""
    if said is None or not said.is_known:
        return None
    if said.batch:
        entry.details.version_before = said.version
    if entry.why not in FORGED:
        said.version = said.version or entry.validator
    if is_pseudonym(said.subject):  # forgotten while the transfer was under way
        entry.ip = None
    return said


def _as_download(entry: LogEntry, said: Decision) -> State:
    return State(
        "",
        said.subject,
        said.origin,
        said.key,
        said.version,
        said.query,
        said.client,
        group_of(said.subject, said.origin, said.key, said.client, ip=entry.ip, query=said.query),
        entry.started_at,
        entry.ended_at,
        transfers=1,
        total=entry.total,
        given_bytes=entry.sent,
        spans=() if entry.first is None else ((entry.first, entry.first + entry.sent),),
        placed=(entry.id,),
    )


def _place(transfers: list[State], using: str, idle: int) -> tuple[dict[str, str], list[str]]:
    """Store the downloads of `transfers`; return the download of each transfer, and the ids of those newly complete."""
    if not transfers:
        return {}, []
    since = min(transfer.opened_at for transfer in transfers) - idle
    known = _open_downloads({transfer.group for transfer in transfers}, since, using)
    stored = {state.id for state in _states(known)}
    complete = {state.id for state in _states(known) if state.sent_complete}
    assign(transfers, known, idle)
    states = [state for state in _states(known) if state.changed]
    write_rows(Download, [_download_columns(state) for state in states], stored=stored, using=using)
    for state in states:
        if joined := stored.intersection(state.joined):
            merge_rows(Download, joined, state.id, using=using)
    placed = {transfer: state.id for state in states for transfer in state.placed}
    return placed, [state.id for state in states if state.sent_complete and state.id not in complete]


def _states(known: Open) -> list[State]:
    return [state for same in known.values() for state in same]


def _open_downloads(groups: Collection[str], since: int, using: str) -> Open:
    """Return the downloads of these groups that are not closed and went on after `since`, microseconds since 1970."""
    found: Open = {}
    rows = rows_among(Download, "group", groups, using=using).filter(closed_at=None)
    rows = rows.filter(last_at__gte=datetime_of(since)).order_by("opened_at", "id")
    for row in rows.values(*_STATE):
        plain = {name: _PLAIN[type(value)](value) for name, value in row.items() if type(value) in _PLAIN}
        state = State(**{**row, **plain})
        found.setdefault((state.group, state.version), []).append(state)
    return found


def _entry_columns(
    entry: LogEntry, said: Decision | None, placed: Mapping[str, str], *, chain: bool
) -> dict[str, Any]:
    """Return what a log entry sets in the row of its transfer."""
    batch = said.batch if said else None
    return {
        "id": entry.id,
        "outcome": entry.outcome,
        "version": said.version if said else entry.validator,
        "download_id": placed.get(entry.id),
        "ip": entry.ip,
        "status": entry.status,
        "first": entry.first,
        "sent": entry.sent,
        "total": entry.total,
        "body_bytes": entry.body_bytes,
        "why": entry.why,
        "started_at": text_of(entry.started_at),
        "ended_at": text_of(entry.ended_at),
        "details": entry.details,
        "batch": batch or (0 if chain and entry.why not in FORGED else None),
    }


def _decision_columns(entry: LogEntry) -> dict[str, Any]:
    """Return the other columns of a row that has no decision of the app."""
    return {
        "decided_at": None,
        "origin": entry.origin,
        "subject": entry.subject,
        "method": entry.method,
        "as_attachment": False,
        **dict.fromkeys(_NO_DECISION, ""),
    }


def _download_columns(state: State) -> dict[str, Any]:
    times = {name: getattr(state, name) for name in ("opened_at", "last_at", "closed_at", "completed_at")}
    return {
        **msgspec.structs.asdict(state),
        **{name: None if at is None else text_of(at) for name, at in times.items()},
    }
