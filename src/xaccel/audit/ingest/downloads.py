"""Put transfers together to downloads. No database, no clock."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from operator import attrgetter

import msgspec

from xaccel.audit.values import Span, add_span, covers_all
from xaccel.handoff.identifiers import new_transfer_id

MOST_BYTES = 2**63 - 1
"""A column holds no larger number."""


class State(msgspec.Struct, gc=False, array_like=True, kw_only=True):
    """The columns of `models.Download`, an array in JSON for `upsert_rows`.

    id: a UUID in the canonical form. group: one without hyphens.

    A transfer that gave bytes of an object is one too, without an id. If it is not known which bytes, it has no span.

    Four attributes are not columns. `changed`: its row is out of date. `placed`: its transfers of this batch, and the
    transfers that it took from another download. `gone`: its transfers that another download took. `joined`: downloads
    that turned out to be part of this one.
    """

    id: str
    subject: str
    origin: str
    key: str
    version: str
    query: str
    client: str
    group: str
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None = None
    transfers: int = 0
    total: int | None = None
    sent_bytes: int = 0
    given_bytes: int = 0
    spans: tuple[Span, ...] = ()
    sent_complete: bool = False
    completed_at: datetime | None = None
    pruned: int = 0
    changed: bool = False
    joined: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def join(self, other: State) -> None:
        """Make a transfer or another download part of this one. An id that was reported complete stays.

        Raises OverflowError for more than MOST_BYTES in total: SQLite would store an inexact number.
        """
        if other.id:
            if other.sent_complete:
                self.id, other.id = other.id, self.id
                self.sent_complete, self.completed_at = True, other.completed_at
            self.joined = (*self.joined, *other.joined, other.id)
        self.changed = True
        self.placed, self.gone = (*self.placed, *other.placed), (*self.gone, *other.gone)
        self.transfers += other.transfers
        self.given_bytes += other.given_bytes
        if self.given_bytes > MOST_BYTES:
            raise OverflowError("more bytes than a column holds")
        self.pruned += other.pruned
        self.opened_at = min(self.opened_at, other.opened_at)
        self.last_at = max(self.last_at, other.last_at)
        self.total = other.total if self.total is None else self.total
        for first, end in other.spans:
            self.spans = add_span(self.spans, first, end)
        self._count()

    def begin(self) -> State:
        """Make a download of this transfer, which belongs to no other, and return it."""
        self.id, self.changed = new_transfer_id(self.opened_at), True
        self.spans = add_span((), *self.spans[0]) if self.spans else ()  # none for a transfer of no bytes
        self._count()
        return self

    def take_back(self, state: State, parts: Iterable[State]) -> None:
        """Move the ranges that were under way when `state` was requested, which began after this download was complete.

        parts: all transfers of this download that are known.
        """
        complete_at = self.completed_at or self.last_at
        last_at = complete_at
        for part in sorted(parts, key=attrgetter("last_at"), reverse=True):
            # `state` begins earlier with each of them. A small file may take no measurable time.
            is_before = part.opened_at < complete_at or part.last_at <= complete_at
            if is_before or part.last_at < state.opened_at:
                last_at = max(last_at, part.last_at)
                continue
            state.join(part)
            self.transfers -= 1
            self.given_bytes -= part.given_bytes
            self.placed = tuple(id_ for id_ in self.placed if id_ not in part.placed)
            self.gone = (*self.gone, *part.placed)
        self.last_at, self.changed = last_at, True

    def _count(self) -> None:
        self.sent_bytes = sum([end - first for first, end in self.spans])
        if not self.sent_complete and self.total is not None and covers_all(self.spans, self.total):
            self.sent_complete, self.completed_at = True, self.last_at

    def has_length_of(self, other: State) -> bool:
        """Tell whether both may be of one length: another length is another version, whatever the version says."""
        return self.total == other.total or None in (self.total, other.total)

    def is_complete_by(self, at: datetime) -> bool:
        """Tell whether every byte was sent before `at`."""
        return self.completed_at is not None and self.completed_at <= at

    @property
    def begins(self) -> bool:
        """Whether it has the first byte of the object."""
        return bool(self.spans) and self.spans[0][0] == 0


_opened_at = attrgetter("opened_at")

Open = dict[tuple[str, str], list[State]]
"""Downloads that may still go on, by group and version, oldest first."""


def group_of(subject: str, origin: str, key: str, client: str, *, ip: str | None, query: str = "") -> str:
    """Return a digest of who asked for what: a UUID without hyphens.

    Users who are not signed in are distinguished by their address.
    """
    address = "" if subject else ip or ""
    # Not a loop over the parts: it takes 0.7 µs more of each entry.
    text = (
        f"{len(subject)}:{subject}{len(origin)}:{origin}{len(key)}:{key}"
        f"{len(client)}:{client}{len(address)}:{address}"
    )
    if query:
        text += f"{len(query)}:{query}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def assign(
    transfers: Iterable[State], known: Open, idle: timedelta, parts_of: Callable[[State], Iterable[State]]
) -> None:
    """Add each transfer to its download in `known`, or to a new one.

    How transfers that come in the order of their ends are cut into batches makes no difference. parts_of: returns the
    transfers of a download, as they were before they were added to it.
    """
    for transfer in sorted(transfers, key=attrgetter("last_at", "opened_at", "placed")):
        same = known.setdefault((transfer.group, transfer.version), [])
        if state := _find(transfer, same, idle):
            state.join(transfer)
        else:
            state = transfer.begin()
            insort(same, state, key=_opened_at)
        if len(same) > 1 and state.begins and state.opened_at == transfer.opened_at:
            before = _complete_before(state, same)
            # The entry of byte 0 comes when it ends: parallel ranges that ended earlier are in the download before.
            if before and before.last_at >= state.opened_at:
                before.take_back(state, parts_of(before))


def _complete_before(state: State, same: list[State]) -> State | None:
    """Return the last download that was complete when `state` was requested."""
    earlier = (other for other in reversed(same) if other is not state and other.has_length_of(state))
    return next((other for other in earlier if other.is_complete_by(state.opened_at)), None)


def _find(transfer: State, same: list[State], idle: timedelta) -> State | None:
    state: State | None = None
    later: list[State] = []
    for other in reversed(same):
        is_near = other.opened_at - transfer.last_at <= idle and transfer.opened_at - other.last_at <= idle
        if not (is_near and other.has_length_of(transfer)):
            continue
        if other.opened_at <= transfer.opened_at:
            state = other
            break
        later.append(other)
    if state and state.is_complete_by(transfer.opened_at):
        following = later[-1] if later else None
        is_parallel = following is not None and following.opened_at <= transfer.last_at
        if transfer.begins or (following and is_parallel and _starts_over(following, state)):
            state = None
    if state is None and later:
        state = later.pop()
    # What began since seemed to be apart while this transfer was under way.
    for other in reversed(later):
        if state and other.has_length_of(state) and not _starts_over(other, state):
            state.join(other)
            same.remove(other)
    return state


def _starts_over(state: State, before: State) -> bool:
    began = state.begins and before.is_complete_by(state.opened_at)
    return began or (state.sent_complete and before.sent_complete)
