"""A decision as printable ASCII, for the way through NGINX's line and through a file of the app's own."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec


class Decision(NamedTuple):
    """What the app knows and NGINX does not.

    version: of the object's bytes: identity, version id or entity tag, as far as the app knows one.
    client: which program asked, as a digest; see `xaccel.audit.client`.
    """

    at: datetime
    key: str
    version: str
    client: str
    filename: str
    as_attachment: bool
    reason: str


class NoteRefused(ValueError):
    """Raised for a note that is none of ours."""


class _Note(msgspec.Struct, array_like=True, gc=False):
    version: int
    at: float
    key: str
    object_version: str
    client: str
    filename: str
    as_attachment: bool
    reason: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Note).decode


def note_of(decision: Decision) -> str:
    """Return the decision as base64url (RFC 4648 section 5) of a JSON array, without padding."""
    note = _Note(
        1,
        decision.at.timestamp(),
        decision.key,
        decision.version,
        decision.client,
        decision.filename,
        decision.as_attachment,
        decision.reason,
    )
    return urlsafe_b64encode(_encode(note)).rstrip(b"=").decode("ascii")


def decision_of(note: str) -> Decision | None:
    """Return what a note says; None for none.

    Raises NoteRefused.
    """
    if not note:
        return None
    try:
        found = _decode(urlsafe_b64decode(note + "=" * (-len(note) % 4)))
        at = datetime.fromtimestamp(found.at, UTC)
    except (Base64Error, msgspec.MsgspecError, ValueError, OverflowError, OSError):
        raise NoteRefused("a note that cannot be read") from None
    if found.version != 1:
        raise NoteRefused("a note of another version")
    return Decision(
        at,
        found.key.replace("\0", "�"),
        found.object_version.replace("\0", "�"),
        found.client.replace("\0", "�")[:64],
        found.filename.replace("\0", "�"),
        found.as_attachment,
        found.reason.replace("\0", "�"),
    )
