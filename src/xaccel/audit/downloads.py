"""Which download a transfer belongs to, and what the download comes to. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from xaccel.audit import spans
from xaccel.transfer_id import transfer_id_at


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
    client: str
    first: int | None
    sent: int
    total: int | None
    started_at: int
    ended_at: int


class State(msgspec.Struct, gc=False):
    """A download, as `models.Download` keeps it; moments are microseconds since 1970.

    kept: whether the database has it already; not a column of it.
    """

    id: str
    subject: str
    origin: str
    key: str
    version: str
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
    kept: bool = False

    def take(self, piece: Piece) -> None:
        """Add a transfer."""
        self.transfers += 1
        self.given_bytes += piece.sent
        self.opened_at = min(self.opened_at, piece.started_at)
        self.last_at = max(self.last_at, piece.ended_at)
        if self.total is None:
            self.total = piece.total
        elif piece.total not in (None, self.total):
            self.mixed = True
            return
        if piece.first is None:
            return
        self.spans = spans.add(self.spans, piece.first, piece.first + piece.sent)
        self.sent_bytes = spans.length(self.spans)
        if not self.sent_complete and self.total is not None and spans.cover(self.spans, self.total):
            self.sent_complete, self.completed_at = True, piece.ended_at


def group_of(subject: str, origin: str, key: str, client: str, ip: str | None) -> str:
    """Return a digest of who asked for what, in the form of a UUID. Somebody who is not signed in is told apart by the
    address.
    """
    whence = "" if subject else ip or ""
    text = (
        f"{len(subject)}:{subject}{len(origin)}:{origin}{len(key)}:{key}"
        f"{len(client)}:{client}{len(whence)}:{whence}"
    )
    digits = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def assign(pieces: Iterable[Piece], known: dict[str, list[State]], idle: int) -> dict[str, State]:
    """Put each piece into a download and return the download of each transfer. `idle` is in microseconds.

    `known` holds the downloads that are open, by group; it and they are changed, and new ones are added to it.
    """
    found: dict[str, State] = {}
    for piece in sorted(pieces, key=_order):
        group = known.get(piece.group)
        if group is None:
            group = known[piece.group] = []
        state = _of(piece, group, idle) if group else None
        if state is None:
            state = _opened(piece, group, idle)
        state.take(piece)
        found[piece.transfer] = state
    return found


def _order(piece: Piece) -> tuple[int, str]:
    return piece.started_at, piece.transfer


def _of(piece: Piece, group: list[State], idle: int) -> State | None:
    for state in reversed(group):
        if state.version != piece.version or not _near(piece, state, idle):
            continue
        again = piece.first == 0 and state.completed_at is not None and piece.started_at >= state.completed_at
        return None if again else state
    return None


def _near(piece: Piece, state: State, idle: int) -> bool:
    return state.opened_at - idle <= piece.ended_at and piece.started_at <= state.last_at + idle


def _opened(piece: Piece, group: list[State], idle: int) -> State:
    state = State(
        transfer_id_at(piece.started_at // 1000),
        piece.subject,
        piece.origin,
        piece.key,
        piece.version,
        piece.client,
        piece.group,
        piece.started_at,
        piece.ended_at,
    )
    for other in group:
        if other.version == piece.version and other.closed_at is None and other.opened_at < piece.started_at:
            other.closed_at = min(other.last_at + idle, max(other.last_at, piece.started_at))
        elif other.version != piece.version and piece.first and _near(piece, other, idle):
            # A part of one version behind a part of another is no file; which the client made of it is not known.
            other.mixed = state.mixed = True
    group.append(state)
    return state
