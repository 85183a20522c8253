"""Parse the entries of NGINX's transfer log, and set aside everything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

import msgspec

from xaccel.audit.values import Outcome, address_of, datetime_of, indexable
from xaccel.handoff.headers import NOTE_OF_DECISION, NOTE_OF_GRANT

ORIGIN_CUT = "origin_cut"
CLIENT_OR_NGINX = "client_or_nginx"
"""`why` of a row whose log entry names no cause: NGINX's variables do not tell a client that left from a worker that
was ended, by `worker_shutdown_timeout` for one."""

_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
# An origin may write any digits there: what no column holds is not exact, and no reason to lose the entry.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:([0-9]{1,18})|\*)").fullmatch
_LARGEST = 2**63 - 1
_MOST_SENT = 2**53
"""Bytes of one transfer, 9 petabytes: sums of many are still numbers that a column holds."""

_BEGINS = r'\{"(?:v|id)"\s*:'
"""How an entry begins. No value has this: JSON escapes the quotes in it."""
# the entry before may be torn behind a backslash
_PLAIN, _TEXT = r'[^{}"]', rf'"(?:(?!{_BEGINS})(?:[^"\\]|\\(?!{_BEGINS}).))*"'
_ENTRY = re.compile(rf"{_BEGINS}(?:{_PLAIN}|{_TEXT})*\}}".encode(), re.DOTALL)


class NotAnEntry(ValueError):
    """Raised for anything else in a log; the text says why, without a byte of the log."""


class _Raw(msgspec.Struct, gc=False):
    id: str
    end: float
    kind: str = ""
    origin: str = ""
    subject: str = ""
    method: str = ""
    protocol: str = ""
    status: str = ""
    body_bytes: int = 0
    interim_bytes: int = 0
    sent_length: str = ""
    completion: str = ""
    range: str = ""
    content_range: str = ""
    etag: str = ""
    last_modified: str = ""
    framing: str = ""
    encoding: str = ""
    size: str = ""
    origin_status: str = ""
    origin_seconds: str = ""
    cache: str = ""
    why: str = ""
    note: str = ""
    seconds: float = 0.0
    ip: str = ""


class Details(msgspec.Struct, gc=False, omit_defaults=True, kw_only=True):
    """`Transfer.details`: what explains a transfer and no query filters by. Empty values are left out.

    exact: whether `sent` is right to the byte. version_before: where the entry came after its row was sealed, the
    version that the row had. grant: the id of the decision that NGINX remembered.
    """

    protocol: str = ""
    exact: bool = True
    sent_length: int | None = None
    completion: str = ""
    asked_range: str = ""
    content_range: str = ""
    etag: str = ""
    framing: str = ""
    encoding: str = ""
    origin_status: int | None = None
    origin_seconds: float | None = None
    cache: str = ""
    version_before: str | None = None
    grant: str = ""


class LogEntry(msgspec.Struct, gc=False, array_like=True, kw_only=True):
    """NGINX's log entry of one transfer; an array in JSON, for `database.upsert_rows`.

    id: in the canonical form of a UUID, in lower case.
    first, sent: the interval of the object's bytes that NGINX gave to the connection; `first` is None if unknown.
    total: bytes of the object, if known. version: the entity tag, else Last-Modified.
    note: what the app decided (`xaccel.handoff.headers.decision_note`); no column.
    download_id, batch: columns of `Transfer` that the entry does not have; `ingest.store` sets them.
    """

    id: str
    origin: str
    subject: str
    method: str
    status: int
    outcome: Outcome
    first: int | None
    sent: int
    total: int | None
    body_bytes: int
    version: str
    why: str
    started_at: datetime
    ended_at: datetime
    ip: str | None
    details: Details
    note: str = ""
    download_id: str | None = None
    batch: int | None = None


_decode = msgspec.json.Decoder(_Raw).decode


def read_entry(text: bytes) -> LogEntry:
    """Parse one line of the log, with or without its newline. Raises NotAnEntry."""
    try:
        # PostgreSQL's text cannot hold NUL; a forged entry may have it
        raw = _decode(text.replace(b"\\u0000", b"\\ufffd"))
        if not _UUID(raw.id):
            raw.id = str(UUID(raw.id))
        return _entry(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # Python's own messages quote the value.
        is_quoted = not isinstance(error, NotAnEntry | msgspec.MsgspecError)
        raise NotAnEntry(type(error).__name__ if is_quoted else str(error)[:80]) from None


def _entry(raw: _Raw) -> LogEntry:
    status, announced = int(raw.status), number_of(raw.sent_length)
    origin_status = number_of(raw.origin_status)
    if raw.why == "client_left":  # also 200 or 418, where NGINX noticed it on the way, and 000 of HTTP/3
        status = 499
    counts_fit = 0 <= raw.body_bytes <= _MOST_SENT and 0 <= raw.interim_bytes <= _MOST_SENT
    if not (counts_fit and 0 <= status <= 999 >= (origin_status or 0)):
        raise NotAnEntry("a number out of range")
    is_counted = _count_body(raw, announced)
    first, total, exact = _interval(raw, status, announced)
    exact = exact and is_counted
    outcome = _outcome(raw, status, total if announced is None else announced, exact)
    if outcome in (Outcome.INCOMPLETE, Outcome.INEXACT) and not (raw.why or raw.completion):
        raw.why = CLIENT_OR_NGINX
    return LogEntry(
        id=raw.id,
        origin=indexable(raw.origin),
        subject=indexable(raw.subject),
        method=raw.method[:16],
        status=status,
        outcome=outcome,
        first=first if exact else None,
        sent=raw.body_bytes if first is not None and raw.method != "HEAD" else 0,
        total=total,
        body_bytes=raw.body_bytes,
        version=raw.etag or raw.last_modified,
        why=raw.why,
        started_at=datetime_of(raw.end - raw.seconds),
        ended_at=datetime_of(raw.end),
        ip=address_of(raw.ip),
        details=Details(
            protocol=raw.protocol[:16],
            exact=exact,
            sent_length=announced,
            completion=raw.completion[:8],
            asked_range=raw.range,
            content_range=raw.content_range,
            etag=raw.etag,
            framing=raw.framing[:16],
            encoding=raw.encoding,
            origin_status=origin_status,
            origin_seconds=float(raw.origin_seconds) if raw.origin_seconds else None,
            cache=raw.cache[:16],
        ),
        note=raw.note if raw.note.startswith((NOTE_OF_DECISION, NOTE_OF_GRANT)) else "",
    )


def _interval(raw: _Raw, status: int, announced: int | None) -> tuple[int | None, int | None, bool]:
    """Return the first byte, the size of the object, and whether it is known which bytes were sent."""
    if status == 206:
        if found := _CONTENT_RANGE(raw.content_range):
            first = int(found[1])
            return first, number_of(found[3] or ""), announced == int(found[2]) - first + 1
        return None, None, False
    if status != 200 or raw.kind:
        return None, number_of(raw.size) if raw.kind else None, True
    if announced is not None:
        return 0, announced, True
    # The app knows the size without a content coding.
    total = None if raw.encoding else number_of(raw.size)
    # Without a length only the app's own knowledge tells whether all went out, and framing must not be counted.
    return 0, total, total is not None and raw.protocol == "HTTP/2.0" and raw.body_bytes <= total


def _count_body(raw: _Raw, announced: int | None) -> bool:
    """Leave in `raw` only the bytes of the body, and return whether their number is known.

    NGINX never sends more body than it announces: it counts other bytes too, such as trailers over HTTP/3.
    """
    expected = raw.interim_bytes > 0
    raw.body_bytes = max(0, raw.body_bytes - raw.interim_bytes)
    if announced is None or raw.method == "HEAD":
        return True
    if raw.body_bytes > announced:
        raw.body_bytes = announced
        if raw.completion and raw.why == ORIGIN_CUT:
            raw.why = ""
        return bool(raw.completion)
    is_cut = expected and raw.completion and raw.body_bytes < announced
    if is_cut and not raw.why and raw.status in ("200", "206"):
        # NGINX's own comparison cannot subtract the interim response.
        raw.why = ORIGIN_CUT
    return True


def _outcome(raw: _Raw, status: int, announced: int | None, exact: bool) -> Outcome:
    if raw.kind == "upload":
        is_stored = raw.origin_status in ("200", "201") and raw.why in ("", "finish_failed")
        return Outcome.STORED if is_stored else Outcome.REFUSED
    if status == 304:
        return Outcome.NOT_MODIFIED
    # njs closes the connection before the head of a response that cannot be the file.
    withheld = raw.why and raw.body_bytes == 0 and not raw.completion
    if status not in (200, 206) or withheld:
        return Outcome.REFUSED
    if raw.method == "HEAD":
        return Outcome.HEADERS
    if not exact:
        return Outcome.INEXACT
    return Outcome.SENT if raw.body_bytes == announced else Outcome.INCOMPLETE


def number_of(text: str) -> int | None:
    """Return the number that a field has; None for another text. Raises NotAnEntry for what no column holds."""
    if not (text.isdigit() and text.isascii()):
        return None
    number = int(text)
    if number > _LARGEST:
        raise NotAnEntry("a number out of range")
    return number


class Piece(msgspec.Struct, gc=False):
    """A line without its newline. offset, end: where it begins, and where the next one does.

    whole: False for one that was cut because it is longer than MAX_ENTRY_SIZE, or has no newline at the end of a file
    that nobody writes any more. last: the last bytes of a line that is too long, of which `text` has only the first.
    """

    text: bytes
    offset: int
    end: int
    whole: bool
    last: bytes = b""


class Found(msgspec.Struct, gc=False):
    """A part of a log: an entry, or an unreadable part with the reason."""

    offset: int
    text: bytes
    entry: LogEntry | None
    reason: str = ""


def parse(pieces: Iterable[Piece]) -> Iterator[Found]:
    """Yield the entries of some lines, and the unreadable parts.

    An entry that was cut by a full disk or a crash has no end of line. The next entry is then on the same line, and is
    read too.
    """
    for piece in pieces:
        try:
            yield Found(piece.offset, piece.text, read_entry(piece.text))
        except NotAnEntry as problem:
            yield from _recovered(piece, str(problem) if piece.whole else "no end of line")


def _recovered(piece: Piece, reason: str) -> Iterator[Found]:
    """Yield the entries in a line, and the unreadable parts between them."""
    torn = 0
    for match in _ENTRY.finditer(piece.text):
        try:
            entry = read_entry(match[0])
        except NotAnEntry:
            continue
        if piece.text[torn : match.start()].strip():
            yield Found(piece.offset + torn, piece.text[torn : match.start()], None, reason)
        yield Found(piece.offset + match.start(), match[0], entry)
        torn = match.end()
    if piece.text[torn:].strip():
        yield Found(piece.offset + torn, piece.text[torn:], None, reason)
