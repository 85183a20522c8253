"""Store a batch of log entries: a few statements for thousands of entries, in one transaction."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from xaccel.audit.chain.seals import seal_late
from xaccel.audit.database import merge_rows, rows_among, upsert_rows
from xaccel.audit.ingest.downloads import Open, State, assign, group_of
from xaccel.audit.log.entry import LogEntry
from xaccel.audit.models import Download, PendingSignal, Transfer
from xaccel.audit.removals import removed_ids
from xaccel.audit.settings import AuditSettings
from xaccel.audit.signals import download_completed, transfer_completed
from xaccel.audit.values import FORGED, GAVE_BYTES, Outcome, indexable, is_pseudonym, storable
from xaccel.handoff.headers import NOTE_OF_DECISION, NOTE_OF_GRANT, grant_of
from xaccel.handoff.identifiers import PATTERN

_ID = re.compile(PATTERN).fullmatch
_TEXTS = ("key", "query", "client", "filename", "reason")
_PROOFS = ("person_proof", "address_proof")
_NO_DECISION = {"decided_at": None, "as_attachment": False, **dict.fromkeys(_TEXTS + _PROOFS, "")}
"""Columns that no log entry sets, with their values in a row that the app did not make."""
_READ = "text origin key version query subject client method ended_at why batch is_decided".split()


def store(batch: Sequence[LogEntry], *, using: str, conf: AuditSettings) -> Counter[str]:
    """Store `batch` in the transaction that `writing` opened, and return what `Ingest.counted` adds up.

    An entry whose transfer has one already changes nothing: reading a log twice is harmless.
    """
    entries: dict[str, LogEntry] = {}
    for item in batch:
        if _replaces(item, entries.get(item.id)):
            entries[item.id] = item
    found = rows_among(Transfer, "id", entries, using=using)
    # As texts and booleans: reading UUIDs and times takes twice as long.
    found = found.annotate(text=Cast("id", TextField()), is_decided=Q(decided_at__isnull=False))
    stored = {_canonical(row.text): row for row in found.values_list(*_READ, named=True)}
    skipped = removed_ids((entry for entry in entries.values() if entry.id not in stored), using=using)
    new = [entry for entry in entries.values() if entry.id not in stored and entry.id not in skipped]
    said = [entry for entry in new if entry.note and entry.why not in FORGED]
    for entry in said:
        entry.details.grant = grant_of(entry.note)
    noted = {entry.id: _decision_in(entry) for entry in said if entry.note.startswith(NOTE_OF_DECISION)}
    noted |= _decisions_of_grants([entry for entry in said if entry.id not in noted], using)
    Transfer.objects.using(using).bulk_create(noted.values(), batch_size=500)
    made: list[tuple[LogEntry, Any]] = []
    for entry in entries.values():
        row = stored.get(entry.id)
        if entry.id in skipped or not _replaces(entry, row):
            continue
        # None for an entry whose decision was rolled back, or that is forged.
        decision = row if row and row.is_decided else noted.get(entry.id)
        if decision:
            _take_over(entry, decision)
        if entry.batch is None and entry.why not in FORGED:
            entry.batch = conf.waiting
        made.append((entry, decision))
    gave = [pair for pair in made if pair[1] and pair[0].outcome in GAVE_BYTES]
    placed, completed = _place(gave, using, conf.idle)
    for entry, _ in made:
        entry.download_id = placed.get(entry.id)
    columns, rows = LogEntry.__struct_fields__, [entry for entry, _ in made]
    upsert_rows(Transfer, columns, rows, new=_NO_DECISION, using=using)
    if late := [UUID(entry.id) for entry, decision in made if decision and decision.batch]:
        seal_late(late, using=using)
    pending: list[PendingSignal] = []
    if transfer_completed.has_listeners(Transfer):
        pending += [PendingSignal(transfer=entry.id) for entry, _ in made]
    if download_completed.has_listeners(Download):
        pending += [PendingSignal(download=id_) for id_ in completed]
    PendingSignal.objects.using(using).bulk_create(pending, batch_size=500)
    duplicates = len(batch) - len(made) - len(skipped)
    return Counter(lines=len(batch), duplicates=duplicates, skipped=len(skipped))


def _decision_in(entry: LogEntry) -> Transfer:
    """Return the row of a decision that is in the note of its log entry, since the app has no trail (LOG_DECISIONS)."""
    said = dict(parse_qsl(entry.note.removeprefix(NOTE_OF_DECISION)))
    texts = {name: storable(said.get(name, "")) for name in ("version", "query", "filename", "reason")}
    return Transfer(
        id=entry.id,
        outcome=Outcome.GRANTED,
        decided_at=entry.started_at,
        origin=entry.origin,
        key=indexable(said.get("key", "")),
        subject=entry.subject,
        method=entry.method,
        as_attachment="as_attachment" in said,
        **texts,
    )


def _decisions_of_grants(uses: Collection[LogEntry], using: str) -> dict[str, Transfer]:
    """Return a row for each use of a grant, with the decision that NGINX remembered, and its own object in a folder."""
    if not uses:
        return {}
    said = {entry.id: dict(parse_qsl(f"id={entry.note.removeprefix(NOTE_OF_GRANT)}")) for entry in uses}
    valid = filter(_ID, {own.get("id", "") for own in said.values()})
    found = {str(row.pk): row for row in rows_among(Transfer, "id", valid, using=using)}
    names = ("decided_at", "as_attachment", "origin", "subject", "method", "version", *_TEXTS)
    rows = {}
    for use, own in said.items():
        if decision := found.get(own.get("id", "")):
            rows[use] = Transfer(
                id=use, outcome=Outcome.GRANTED, **{name: getattr(decision, name) for name in names}
            )
            for name in own.keys() & {"key", "filename"}:
                setattr(rows[use], name, indexable(own[name]))
    return rows


def _canonical(id_: str) -> str:
    """Add the hyphens to a UUID from SQLite."""
    return id_ if len(id_) == 36 else str(UUID(id_))


def _replaces(entry: LogEntry, other: Any) -> bool:
    """Tell whether an entry takes the place of another one with its id, or of a row."""
    if other is None:
        return True
    # A forged entry may have the id of a transfer that is under way. It changes nothing of a sealed row.
    if entry.why in FORGED:
        return other.ended_at is None and not other.batch
    return other.ended_at is None or other.why in FORGED


def _take_over(entry: LogEntry, decision: Any) -> None:
    """Replace what the entry says by what the app decided."""
    entry.batch = decision.batch or None
    if decision.batch:
        entry.details.version_before = decision.version
    entry.version = decision.version or ("" if entry.why in FORGED else entry.version)
    entry.origin, entry.subject, entry.method = decision.origin, decision.subject, decision.method
    if is_pseudonym(decision.subject):  # forgotten while the transfer was under way
        entry.ip = None


def _as_download(entry: LogEntry, decision: Any) -> State:
    subject, origin, key, client = decision.subject, decision.origin, decision.key, decision.client
    return State(
        id="",
        subject=subject,
        origin=origin,
        key=key,
        version=entry.version,
        query=decision.query,
        client=client,
        group=group_of(subject, origin, key, client, ip=entry.ip, query=decision.query),
        opened_at=entry.started_at,
        last_at=entry.ended_at,
        transfers=1,
        total=entry.total,
        given_bytes=entry.sent,
        spans=() if entry.first is None else ((entry.first, entry.first + entry.sent),),
        placed=(entry.id,),
    )


def _place(gave: list[tuple[LogEntry, Any]], using: str, idle: timedelta) -> tuple[dict[str, str], list[str]]:
    """Store the downloads of transfers that gave bytes, which are entries with their decisions.

    Return the download of each transfer, and the ids of those newly complete.
    """
    if not gave:
        return {}, []
    transfers = [_as_download(entry, decision) for entry, decision in gave]
    entries = {entry.id: entry for entry, _ in gave}
    since = min(transfer.opened_at for transfer in transfers) - idle
    known = _open_downloads({transfer.group for transfer in transfers}, since, using)
    stored = {state.id for state in _states(known)}
    complete = {state.id for state in _states(known) if state.sent_complete}
    assign(transfers, known, idle, lambda state: _parts_of(state, entries, using))
    states = [state for state in _states(known) if state.changed]
    upsert_rows(Download, State.__struct_fields__, states, using=using)
    for state in states:
        if joined := stored.intersection(state.joined):
            merge_rows(Download, joined, state.id, using=using)
    for state in states:
        if moved := [id_ for id_ in state.placed if id_ not in entries]:
            rows_among(Transfer, "id", moved, using=using).update(download=state.id)
    placed = {transfer: state.id for state in states for transfer in state.placed}
    return placed, [state.id for state in states if state.sent_complete and state.id not in complete]


def _parts_of(state: State, entries: Mapping[str, LogEntry], using: str) -> list[State]:
    """Return the transfers of a download, each as a state without an id."""
    columns = ("id", "first", "sent", "started_at", "ended_at", "total")
    ids = [id_ for id_ in state.placed if id_ not in entries]
    stored = Q(download__in=[state.id, *state.joined]) & ~Q(pk__in=state.gone)
    rows = Transfer.objects.using(using).filter(stored | Q(pk__in=ids)).values_list(*columns, named=True)
    return [_part(state, row) for row in (*rows, *(entries[id_] for id_ in state.placed if id_ in entries))]


def _part(state: State, row: Any) -> State:
    """Return a transfer of `state`: `row` is its log entry, or its row."""
    return State(
        id="",
        subject=state.subject,
        origin=state.origin,
        key=state.key,
        version=state.version,
        query=state.query,
        client=state.client,
        group=state.group,
        opened_at=row.started_at,
        last_at=row.ended_at,
        transfers=1,
        total=row.total,
        given_bytes=row.sent,
        spans=() if row.first is None else ((row.first, row.first + row.sent),),
        placed=(str(row.id),),
    )


def _states(known: Open) -> list[State]:
    return [state for same in known.values() for state in same]


def _open_downloads(groups: Collection[str], since: datetime, using: str) -> Open:
    """Return the downloads of these groups that are not closed and went on after `since`."""
    found: Open = {}
    rows = rows_among(Download, "group", groups, using=using).filter(closed_at=None, last_at__gte=since)
    for row in rows.order_by("opened_at", "id").values():
        spans = tuple((first, end) for first, end in row["spans"])
        state = State(**row | {"id": str(row["id"]), "group": row["group"].hex, "spans": spans})
        found.setdefault((state.group, state.version), []).append(state)
    return found
