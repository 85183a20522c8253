"""Parse an entry of NGINX's transfer log."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from uuid import UUID

import msgspec

from xaccel.audit.decision.instants import NotAnInstant, instant
from xaccel.audit.decision.storable import indexable, without_nul
from xaccel.audit.outcome import Outcome


class NotALine(Exception):
    """Raised for what is no line; the text says why, without a byte of the line."""


class _Raw(msgspec.Struct, gc=False):
    id: str
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
    end: float | None = None
    seconds: float = 0.0
    ip: str = ""


class Details(msgspec.Struct, gc=False, omit_defaults=True):
    """What explains a transfer, and no query filters by: `Transfer.details`, without the values that are empty.

    exact: whether `sent` is what was sent, to the byte. version_before: where the entry came after its row was sealed,
    the version that the row had.
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


class Line(msgspec.Struct, gc=False):
    """What one transfer came to.

    id: in the canonical form of a UUID, in lower case. started_at, ended_at: microseconds since 1970.
    first, sent: the interval of the object's bytes that NGINX gave to the connection; `first` is None where that is not
        known. total: bytes of the object, if known.
    validator: by what parts are known to be of one version.
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
    validator: str
    why: str
    started_at: int
    ended_at: int
    ip: str | None
    details: Details


_decode = msgspec.json.Decoder(_Raw).decode
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
# An origin may write any digits there: what no column holds is not exact, and no reason to lose the line.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:([0-9]{1,18})|\*)").fullmatch
_LARGEST = 2**63 - 1
_MOST_SENT = 2**53
"""Bytes of one transfer, 9 petabytes: sums of many are still numbers that a column holds."""
ORIGIN_CUT = "origin_cut"
CLIENT_OR_NGINX = "client_or_nginx"
"""`why` of a row whose log entry names no cause: NGINX's variables do not tell a client that left from a worker that
was ended, by `worker_shutdown_timeout` for one."""


def read_line(text: bytes) -> Line:
    """Read one line, with or without its newline.

    Raises NotALine.
    """
    try:
        raw = _decode(text)
        if not _UUID(raw.id):
            raw.id = str(UUID(raw.id))
        if b"\\u0000" in text:
            _without_nul(raw)
        if raw.end is None:
            raise NotALine("no end")
        return _line(raw, raw.end)
    except msgspec.MsgspecError as error:
        raise NotALine(str(error)) from None
    except (ValueError, NotAnInstant) as error:
        raise NotALine(type(error).__name__ if isinstance(error, UnicodeError) else str(error)[:80]) from None


def _without_nul(raw: _Raw) -> None:
    # a forged line may hold some
    for name in _Raw.__struct_fields__:
        value = getattr(raw, name)
        if isinstance(value, str):
            setattr(raw, name, without_nul(value))


def _line(raw: _Raw, end: float) -> Line:
    status, sent_length = int(raw.status), _number(raw.sent_length)
    origin_status = _number(raw.origin_status)
    if raw.why == "client_left":  # 200 or 418, where NGINX noticed it on the way
        status = 499
    numbers = (raw.body_bytes, raw.interim_bytes)
    if not (
        0 <= min(numbers) <= max(numbers) <= _MOST_SENT and 0 <= status <= 999 and (origin_status or 0) <= 999
    ):
        raise NotALine("a number out of range")
    first: int | None = None
    total: int | None = None
    certain = _count_body(raw, sent_length)
    body_bytes = raw.body_bytes
    exact = sent_length is not None
    if status == 200:
        first = 0
        # What the app knows is the size without a coding.
        total = sent_length if exact else None if raw.encoding else _number(raw.size)
        # Without a length only the app's own knowledge tells whether all went out, and framing must not be counted.
        exact = exact or (total is not None and raw.protocol == "HTTP/2.0" and body_bytes <= total)
    elif status != 206:
        exact = True
    elif found := _CONTENT_RANGE(raw.content_range):
        first, total = int(found[1]), _number(found[3] or "")
        exact = exact and sent_length == int(found[2]) - first + 1
    else:
        exact = False
    exact = exact and certain
    outcome = _outcome(raw, status, total if sent_length is None else sent_length, exact)
    if outcome in (Outcome.INCOMPLETE, Outcome.INEXACT) and not (raw.why or raw.completion):
        raw.why = CLIENT_OR_NGINX
    return Line(
        raw.id,
        indexable(raw.origin),
        indexable(raw.subject),
        raw.method[:16],
        status,
        outcome,
        first if exact else None,
        body_bytes if first is not None and raw.method != "HEAD" else 0,
        total,
        body_bytes,
        raw.etag or raw.last_modified,
        raw.why,
        instant(end - raw.seconds),
        instant(end),
        _address(raw.ip),
        Details(
            raw.protocol[:16],
            exact,
            sent_length,
            raw.completion[:8],
            raw.range,
            raw.content_range,
            raw.etag,
            raw.framing[:16],
            raw.encoding,
            origin_status,
            float(raw.origin_seconds) if raw.origin_seconds else None,
            raw.cache[:16],
        ),
    )


def _count_body(raw: _Raw, announced: int | None) -> bool:
    """Leave in `raw` only the bytes of the body, and return whether their number is known.

    NGINX never sends more body than it announces: what it counts beyond is no body, such as trailers over HTTP/3.
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
    if (
        expected
        and raw.completion
        and not raw.why
        and raw.body_bytes < announced
        and raw.status in ("200", "206")
    ):
        # NGINX's own comparison cannot subtract the interim response.
        raw.why = ORIGIN_CUT
    return True


def _outcome(raw: _Raw, status: int, announced: int | None, exact: bool) -> Outcome:
    if status == 304:
        return Outcome.NOT_MODIFIED
    if status not in (200, 206) or (raw.why and _withheld(raw)):
        return Outcome.REFUSED
    if raw.method == "HEAD":
        return Outcome.HEADERS
    if not exact:
        return Outcome.INEXACT
    return Outcome.SENT if raw.body_bytes == announced else Outcome.INCOMPLETE


def _withheld(raw: _Raw) -> bool:
    # njs closes the connection before the head of what cannot be the file.
    return raw.body_bytes == 0 and not raw.completion


def _number(text: str) -> int | None:
    if not (text.isdigit() and text.isascii()):
        return None
    number = int(text)
    if number > _LARGEST:
        raise NotALine("a number out of range")
    return number


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    if not text or text == "unix:":
        return None
    address = ip_address(text)
    # PostgreSQL's addresses have no zone (RFC 4007 section 11), which means nothing elsewhere.
    return str(getattr(address, "ipv4_mapped", None) or address).partition("%")[0]
