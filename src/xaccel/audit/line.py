"""One line of a log: NGINX's of a transfer, or the app's own of a decision that NGINX never saw."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from uuid import UUID

import msgspec

from xaccel.audit.note import Decision, NoteRefused, decision_of
from xaccel.audit.outcome import Outcome


class NotALine(Exception):
    """Raised for what is no line; the text says why, without a byte of the line."""


class _Raw(msgspec.Struct, gc=False):
    id: UUID
    origin: str = ""
    subject: str = ""
    method: str = ""
    protocol: str = ""
    status: str = ""
    body_bytes: int = 0
    sent_length: str = ""
    completion: str = ""
    range: str = ""
    content_range: str = ""
    etag: str = ""
    framing: str = ""
    encoding: str = ""
    size: str = ""
    origin_status: str = ""
    origin_seconds: str = ""
    cache: str = ""
    why: str = ""
    note: str = ""
    end: float | None = None
    seconds: float = 0.0
    ip: str = ""
    decided: float | None = None
    allowed: bool = False


class Line(NamedTuple):
    """What one transfer came to.

    first, sent: the interval of the object's bytes that NGINX gave to the connection; `first` is None where that is not
        known. total: bytes of the object, if known. exact: whether `sent` is what was sent, to the byte.
    decision: what the app decided, where the line itself carries it.
    """

    id: UUID
    origin: str
    subject: str
    method: str
    protocol: str
    status: int
    outcome: Outcome
    first: int | None
    sent: int
    total: int | None
    exact: bool
    body_bytes: int
    sent_length: int | None
    completion: str
    asked_range: str
    content_range: str
    etag: str
    framing: str
    encoding: str
    origin_status: int | None
    origin_seconds: float | None
    cache: str
    why: str
    started_at: datetime
    ended_at: datetime
    ip: str | None
    decision: Decision | None


class Decided(NamedTuple):
    """A decision that the app wrote down itself, since no line of NGINX follows it."""

    id: UUID
    allowed: bool
    origin: str
    subject: str
    method: str
    decision: Decision


_decode = msgspec.json.Decoder(_Raw).decode
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/(?:([0-9]{1,19})|\*)")
_LARGEST = 2**63 - 1


def read_line(text: bytes) -> Line | Decided:
    """Read one line, with or without its newline.

    Raises NotALine.
    """
    try:
        raw = _decode(text)
        if raw.decided is not None:
            return _decided(raw)
        if raw.end is None:
            raise NotALine("no end")
        return _line(raw, raw.end)
    except msgspec.MsgspecError as error:
        raise NotALine(str(error)) from None
    except (ValueError, OverflowError, NoteRefused) as error:
        raise NotALine(type(error).__name__ if isinstance(error, UnicodeError) else str(error)[:80]) from None


def _decided(raw: _Raw) -> Decided:
    decision = decision_of(raw.note)
    if decision is None:
        raise NotALine("a decision without a note")
    return Decided(raw.id, raw.allowed, _text(raw.origin), _text(raw.subject), raw.method, decision)


def _line(raw: _Raw, end: float) -> Line:
    status, sent_length = int(raw.status), _number(raw.sent_length)
    body_bytes = _bounded(raw.body_bytes)
    found = _CONTENT_RANGE.fullmatch(raw.content_range) if status == 206 else None
    first: int | None = None
    total: int | None = None
    exact = sent_length is not None
    if status == 200:
        first = 0
        total = sent_length if sent_length is not None else _number(raw.size)
        # Without a length only the app's own knowledge tells whether all went out, and framing must not be counted.
        exact = exact or (total is not None and raw.protocol == "HTTP/2.0" and body_bytes <= total)
    elif found is not None:
        first, total = int(found[1]), _number(found[3] or "")
        length = int(found[2]) - first + 1
        exact = exact and sent_length == length
    else:
        exact = status != 206
    announced = sent_length if sent_length is not None else total
    return Line(
        id=raw.id,
        origin=_text(raw.origin),
        subject=_text(raw.subject),
        method=raw.method[:16],
        protocol=raw.protocol[:16],
        status=status,
        outcome=_outcome(raw, status, announced, exact=exact),
        first=first if exact else None,
        sent=body_bytes if first is not None and raw.method != "HEAD" else 0,
        total=total,
        exact=exact,
        body_bytes=body_bytes,
        sent_length=sent_length,
        completion=raw.completion[:8],
        asked_range=_text(raw.range),
        content_range=_text(raw.content_range),
        etag=_text(raw.etag),
        framing=raw.framing[:16],
        encoding=_text(raw.encoding),
        origin_status=_number(raw.origin_status),
        origin_seconds=float(raw.origin_seconds) if raw.origin_seconds else None,
        cache=raw.cache[:16],
        why=_text(raw.why),
        started_at=datetime.fromtimestamp(end - raw.seconds, UTC),
        ended_at=datetime.fromtimestamp(end, UTC),
        ip=_address(raw.ip),
        decision=decision_of(raw.note),
    )


def _outcome(raw: _Raw, status: int, announced: int | None, *, exact: bool) -> Outcome:
    if status == 304:
        return Outcome.NOT_MODIFIED
    if status not in (200, 206) or _withheld(raw):
        return Outcome.REFUSED
    if raw.method == "HEAD":
        return Outcome.HEADERS
    if not exact:
        return Outcome.INEXACT
    return Outcome.SENT if raw.body_bytes == announced else Outcome.INCOMPLETE


def _withheld(raw: _Raw) -> bool:
    # njs closes the connection before the head of what cannot be the file.
    return bool(raw.why) and raw.body_bytes == 0 and not raw.completion


def _number(text: str) -> int | None:
    return _bounded(int(text)) if text.isascii() and text.isdigit() else None


def _bounded(number: int) -> int:
    if not 0 <= number <= _LARGEST:
        raise ValueError("a number out of range")
    return number


def _text(text: str) -> str:
    # PostgreSQL's text holds no NUL; a forged line may.
    return text.replace("\0", "�")


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    if not text or text == "unix:":
        return None
    address = ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)
