"""A decision as printable ASCII, for the way through NGINX's line and through a file of the app's own."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from datetime import datetime
from typing import NamedTuple

import msgspec

from xaccel.audit.decision.instants import instant
from xaccel.audit.decision.storable import indexable, without_nul


class Decision(NamedTuple):
    """What the app knows and NGINX does not.

    version: of the object's bytes: identity, version id or entity tag, as far as the app knows one.
    client: which program asked, as a digest; see `xaccel.audit.client`.
    query: as of `DownloadEvent`.
    """

    at: datetime
    key: str
    version: str
    client: str
    filename: str
    as_attachment: bool
    reason: str
    query: str = ""


class NoteRefused(ValueError):
    """Raised for a note that is none of ours."""


class Note(msgspec.Struct, array_like=True, gc=False):
    """A decision as it travels. seconds: since 1970."""

    version: int
    seconds: float
    key: str
    object_version: str
    client: str
    filename: str
    as_attachment: bool
    reason: str = ""
    query: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode


def note_of(decision: Decision) -> str:
    """Return the decision as base64url (RFC 4648 section 5) of a JSON array, without padding."""
    note = Note(
        1,
        decision.at.timestamp(),
        decision.key,
        decision.version,
        decision.client,
        decision.filename,
        decision.as_attachment,
        decision.reason,
        decision.query,
    )
    return urlsafe_b64encode(_encode(note)).rstrip(b"=").decode("ascii")


def read_note(text: str) -> Note | None:
    """Return what a note says; None for none.

    Raises NoteRefused.
    """
    if not text:
        return None
    try:
        plain = a2b_base64(text.replace("-", "+").replace("_", "/") + "=="[: -len(text) % 4])
        note = _decode(plain)
        instant(note.seconds)
    except (Base64Error, msgspec.MsgspecError, ValueError):
        raise NoteRefused("a note that cannot be read") from None
    if note.version != 1:
        raise NoteRefused("a note of another version")
    if b"\\u0000" in plain:
        for name in ("key", "object_version", "client", "filename", "reason", "query"):
            setattr(note, name, without_nul(getattr(note, name)))
    note.key = indexable(note.key)
    note.client = note.client[:64]
    return note
