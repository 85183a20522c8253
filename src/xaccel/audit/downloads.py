"""Which download a transfer belongs to, and what the download comes to. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from xaccel.audit import spans
from xaccel.transfer_id import new_transfer_id


class Piece(NamedTuple):
    """One transfer that gave bytes of an object to a client.

    first: None where it is not known which bytes; then it counts as a transfer and covers nothing.
    """

    transfer: UUID
    group: UUID
    subject: str
    origin: str
    key: str
    version: str
    client: str
    first: int | None
    sent: int
    total: int | None
    started_at: datetime
    ended_at: datetime


@dataclass(slots=True)
class State:
    """A download, as `models.Download` keeps it."""

    id: UUID
    subject: str
    origin: str
    key: str
    version: str
    client: str
    group: UUID
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None = None
    transfers: int = 0
    total: int | None = None
    sent_bytes: int = 0
    given_bytes: int = 0
    spans: tuple[spans.Span, ...] = ()
    sent_complete: bool = False
    completed_at: datetime | None = None
    mixed: bool = False

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


def group_of(subject: str, origin: str, key: str, client: str, ip: str | None) -> UUID:
    """Return a digest of who asked for what. Somebody who is not signed in is told apart by the address."""
    parts = (subject, origin, key, client, "" if subject else ip or "")
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return UUID(bytes=blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())


def assign(pieces: Iterable[Piece], known: Mapping[UUID, list[State]], idle: timedelta) -> dict[UUID, State]:
    """Put each piece into a download and return the download of each transfer.

    `known` holds the downloads that are open, by group; it and they are changed, and new ones are added to it.
    """
    found: dict[UUID, State] = {}
    downloads: dict[UUID, list[State]] = known if isinstance(known, dict) else dict(known)
    for piece in sorted(pieces, key=lambda piece: (piece.started_at, piece.transfer)):
        group = downloads.setdefault(piece.group, [])
        state = _of(piece, group, idle)
        if state is None:
            state = _opened(piece, group, idle)
        state.take(piece)
        found[piece.transfer] = state
    return found


def _of(piece: Piece, group: list[State], idle: timedelta) -> State | None:
    for state in reversed(group):
        if state.version != piece.version or not _near(piece, state, idle):
            continue
        again = piece.first == 0 and state.completed_at is not None and piece.started_at >= state.completed_at
        return None if again else state
    return None


def _near(piece: Piece, state: State, idle: timedelta) -> bool:
    return state.opened_at - idle <= piece.ended_at and piece.started_at <= state.last_at + idle


def _opened(piece: Piece, group: list[State], idle: timedelta) -> State:
    state = State(
        UUID(new_transfer_id(piece.started_at)),
        *(piece.subject, piece.origin, piece.key, piece.version, piece.client, piece.group),
        opened_at=piece.started_at,
        last_at=piece.ended_at,
    )
    for other in group:
        if other.version == piece.version and other.closed_at is None and other.opened_at < piece.started_at:
            other.closed_at = min(other.last_at + idle, max(other.last_at, piece.started_at))
        elif other.version != piece.version and piece.first and _near(piece, other, idle):
            # A part of one version behind a part of another is no file; which the client made of it is not known.
            other.mixed = state.mixed = True
    group.append(state)
    return state
