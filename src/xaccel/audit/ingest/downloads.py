"""Which download a transfer belongs to, and what the download comes to. Pure: no database, no clock."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from hashlib import blake2b
from heapq import heappop, heappush

import msgspec

from xaccel.audit.ingest import spans
from xaccel.handoff.transfer_id import transfer_id_at


class Piece(msgspec.Struct, gc=False):
    """One transfer that gave bytes of an object to a client.

    transfer, group: UUIDs in the canonical form. started_at, ended_at: microseconds since 1970.
    first: None where it is not known which bytes; then it counts as a transfer and covers nothing.
    """

    transfer: str
    group: str
    subject: str
    origin: str
    key: str
    version: str
    query: str
    client: str
    first: int | None
    sent: int
    total: int | None
    started_at: int
    ended_at: int


class State(msgspec.Struct, gc=False):
    """A download, as `models.Download` keeps it; moments are microseconds since 1970.

    Not columns: behind, whether it began behind byte 0; kept, whether the database has it; changed, whether what it has
    is old; joined, the downloads that turned out to be part of this one.
    """

    id: str
    subject: str
    origin: str
    key: str
    version: str
    query: str
    client: str
    group: str
    opened_at: int
    last_at: int
    closed_at: int | None = None
    transfers: int = 0
    total: int | None = None
    sent_bytes: int = 0
    given_bytes: int = 0
    spans: tuple[spans.Span, ...] = ()
    sent_complete: bool = False
    completed_at: int | None = None
    mixed: bool = False
    behind: bool = False
    kept: bool = False
    changed: bool = False
    joined: tuple[str, ...] = ()

    def take(self, piece: Piece) -> None:
        """Add a transfer, but not what it sent."""
        self._count(1, piece.sent, piece.started_at, piece.ended_at, behind=bool(piece.first))

    def cover(self, piece: Piece) -> None:
        """Add what a transfer sent that was taken."""
        sent = () if piece.first is None else ((piece.first, piece.first + piece.sent),)
        self._cover(piece.total, sent, piece.ended_at)

    def join(self, other: State) -> None:
        """Make `other`, which the database has, part of this one. What was told as complete keeps its id."""
        if other.sent_complete:
            self.id, other.id = other.id, self.id
            self.kept, other.kept = other.kept, self.kept
            self.sent_complete, self.completed_at = True, other.completed_at
        self.joined = (*self.joined, *other.joined, other.id)
        self.mixed |= other.mixed
        self._count(other.transfers, other.given_bytes, other.opened_at, other.last_at, behind=other.behind)
        self._cover(other.total, other.spans, self.last_at)

    def _count(self, transfers: int, given_bytes: int, began: int, ended: int, *, behind: bool) -> None:
        self.changed = True
        self.transfers += transfers
        self.given_bytes += given_bytes
        if began < self.opened_at:
            self.opened_at, self.behind = began, behind
        self.last_at = max(self.last_at, ended)

    def _cover(self, total: int | None, sent: Iterable[tuple[int, int]], at: int) -> None:
        if self.total is None:
            self.total = total
        elif total not in (None, self.total):
            self.mixed = True
            return
        for first, end in sent:
            self.spans = spans.add(self.spans, first, end)
        self.sent_bytes = spans.length(self.spans)
        if not self.sent_complete and self.total is not None and spans.cover(self.spans, self.total):
            self.sent_complete, self.completed_at = True, at


Open = dict[str, dict[str, list[State]]]
"""Downloads that may still go on, by group and by version, oldest first."""


def group_of(  # noqa: PLR0917
    subject: str, origin: str, key: str, client: str, ip: str | None, query: str = ""
) -> str:
    """Return a digest of who asked for what, in the form of a UUID. Somebody who is not signed in is told apart by the
    address.
    """
    whence = "" if subject else ip or ""
    text = (
        f"{len(subject)}:{subject}{len(origin)}:{origin}{len(key)}:{key}"
        f"{len(client)}:{client}{len(whence)}:{whence}"
    )
    if query:
        text += f"{len(query)}:{query}"
    digits = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def assign(pieces: Iterable[Piece], known: Open, idle: int) -> dict[str, State]:
    """Put each piece into a download and return the download of each transfer. `idle` is in microseconds.

    `known` and its downloads are changed, and new ones are added. How pieces that come in the order of their ends are
    cut into batches makes no difference, unless some are under way while a client begins again.
    """
    found: dict[str, State] = {}
    under_way: list[tuple[int, str, Piece]] = []
    for piece in sorted(pieces, key=_order):
        while under_way and under_way[0][0] <= piece.started_at:
            _, transfer, over = heappop(under_way)
            found[transfer].cover(over)
        versions = known.setdefault(piece.group, {})
        state = found[piece.transfer] = _of(piece, versions, idle)
        state.take(piece)
        if len(versions) > 1:
            _compare(piece, state, versions, idle)
        heappush(under_way, (piece.ended_at, piece.transfer, piece))
    for _, transfer, over in sorted(under_way):
        found[transfer].cover(over)
    return found


def _order(piece: Piece) -> tuple[int, bool, str]:
    return piece.started_at, piece.first != 0, piece.transfer


def _of(piece: Piece, versions: dict[str, list[State]], idle: int) -> State:
    same = versions.setdefault(piece.version, [])
    state: State | None = None
    later: list[State] = []
    for other in reversed(same):
        if not _near(piece, other, idle):
            continue
        if other.opened_at <= piece.started_at:
            state = other
            break
        later.append(other)
    if state is None and later:
        state = later.pop()
    if state is None or (piece.first == 0 and _complete_by(state, piece.started_at)):
        state = _opened(piece)
        insort(same, state, key=lambda other: other.opened_at)
    # What began since seemed to be apart while this piece was under way.
    for other in reversed(later):
        if not _anew(other, state):
            state.join(other)
            same.remove(other)
    return state


def _near(piece: Piece, state: State, idle: int) -> bool:
    return state.opened_at - idle <= piece.ended_at and piece.started_at <= state.last_at + idle


def _complete_by(state: State, at: int) -> bool:
    return state.completed_at is not None and state.completed_at <= at


def _anew(state: State, before: State) -> bool:
    began = bool(state.spans) and state.spans[0][0] == 0 and _complete_by(before, state.opened_at)
    return began or (state.sent_complete and before.sent_complete)


def _compare(piece: Piece, state: State, versions: dict[str, list[State]], idle: int) -> None:
    # What begins at byte 0 may be a file of its own. Of a part that does not, nobody knows to what the client added it.
    for others in versions.values():
        for other in others:
            if (
                other.version != state.version
                and (state.behind or other.behind)
                and _near(piece, other, idle)
            ):
                other.mixed = state.mixed = other.changed = True


def _opened(piece: Piece) -> State:
    return State(
        transfer_id_at(piece.started_at // 1000),
        piece.subject,
        piece.origin,
        piece.key,
        piece.version,
        piece.query,
        piece.client,
        piece.group,
        piece.started_at,
        piece.ended_at,
        behind=bool(piece.first),
    )
