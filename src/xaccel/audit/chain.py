"""The hash chain: each transfer that is over is sealed behind the one before, so that a later change shows.

It shows what was changed by somebody who cannot also rewrite the chain; and with the newest link kept elsewhere
(`verify` prints it), that the chain was made anew.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from xaccel.audit.models import Seal, Transfer

PERSON = ("subject", "client", "filename")
_NOT_SEALED = {*PERSON, "ip", "download_id", "line_first", "sealed"}
CONTENT = tuple(
    column.attname for column in Transfer._meta.concrete_fields if column.attname not in _NOT_SEALED
)
_AT_ONCE = 2000
FIRST = "0" * 64
"""What the first link follows."""


def seal(rows: Iterable[Mapping[str, Any]], *, using: str) -> None:
    """Seal transfers, given as their columns, in the open transaction, in which `upsert.alone` was called before."""
    chain, made = _newest(using), []
    for row in rows:
        person_salt, address_salt = secrets.token_hex(16), secrets.token_hex(16)
        link = Seal(
            kind="transfer",
            transfer=row["id"],
            content=digest([row[name] for name in CONTENT]),
            person=digest([person_salt, *(row[name] for name in PERSON)]),
            person_salt=person_salt,
            address=digest([address_salt, row["ip"]]),
            address_salt=address_salt,
        )
        chain = link.chain = link_of(chain, link)
        made.append(link)
    Seal.objects.using(using).bulk_create(made, batch_size=_AT_ONCE)


def seal_waiting(*, using: str) -> int:
    """Seal what became final without a line: denials, 304s of the app, lines that never came. Return how many."""
    waiting = Transfer.objects.using(using).filter(sealed=False)
    count = 0
    while rows := list(waiting.order_by("id").values(*CONTENT, *PERSON, "ip")[:_AT_ONCE]):
        seal(rows, using=using)
        count += Transfer.objects.using(using).filter(id__in=[row["id"] for row in rows]).update(sealed=True)
    return count


def seal_note(kind: str, count: int, text: str, *, using: str) -> None:
    """Seal that transfers were deleted ("prune") or pseudonymised ("forget"), in the open transaction."""
    link = Seal(kind=kind, count=count, text=text)
    link.chain = link_of(_newest(using), link)
    link.save(using=using)


def _newest(using: str) -> str:
    newest = Seal.objects.using(using).order_by("-id").values_list("chain", flat=True).first()
    return newest or FIRST


def link_of(before: str, link: Seal) -> str:
    """Return the digest of a link and of the one `before` it."""
    transfer = str(link.transfer or "")
    return digest(
        [before, link.kind, transfer, link.content, link.person, link.address, link.count, link.text]
    )


def digest(values: list[Any]) -> str:
    """Return SHA-256 in hexadecimal digits over values of columns, as JSON; moments in UTC to the microsecond."""
    return sha256(json.dumps([_plain(value) for value in values], separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.hex if isinstance(value, UUID) else value
