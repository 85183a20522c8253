"""The hash chain: each transfer that is over is sealed behind the one before, so that a later change shows.

It shows what was changed by somebody who cannot also rewrite the chain; and with the newest link kept elsewhere
(`verify` prints it), that the chain was made anew.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from xaccel.audit.conf import configuration
from xaccel.audit.models import Seal, Transfer

PERSON = ("subject", "client", "filename")
_NOT_SEALED = {*PERSON, "query", "ip", "download_id", "sealed"}
CONTENT = tuple(
    column.attname for column in Transfer._meta.concrete_fields if column.attname not in _NOT_SEALED
)
_AT_ONCE = 2000
FIRST = "0" * 64
"""What the first link follows."""


def seal(rows: Iterable[Mapping[str, Any]], *, using: str) -> None:
    """Seal transfers, given as their columns, in the open transaction, in which `upsert.alone` was called before."""
    _append((_link(row) for row in rows), using=using)


def _link(row: Mapping[str, Any]) -> Seal:
    person_salt, address_salt = secrets.token_hex(16), secrets.token_hex(16)
    return Seal(
        kind="transfer",
        transfer=row["id"],
        content=content_of(row),
        person=person_of(person_salt, row),
        person_salt=person_salt,
        address=address_of(address_salt, row),
        address_salt=address_salt,
    )


def seal_waiting(*, using: str) -> int:
    """Seal what became final without a line: denials, 304s of the app, lines that never came. Return how many."""
    waiting = Transfer.objects.using(using).filter(sealed=False)
    count = 0
    while rows := list(waiting.order_by("id").values(*CONTENT, *PERSON, "query", "ip")[:_AT_ONCE]):
        seal(rows, using=using)
        count += Transfer.objects.using(using).filter(id__in=[row["id"] for row in rows]).update(sealed=True)
    return count


def seal_note(kind: str, transfers: QuerySet[Transfer], before: datetime, *, using: str) -> None:
    """Seal that these transfers, all of `before` that moment, are deleted ("prune") or lose their addresses
    ("addresses"), in the open transaction and before it is done.
    """
    count = sealed(transfers, using=using).values("transfer").distinct().count()
    # Downloads have lost transfers then that CHAIN came too late for.
    if count or (kind == "prune" and configuration().chain):
        _append([Seal(kind=kind, count=count, text=f"before {before.isoformat()}")], using=using)


def seal_forgotten(transfers: QuerySet[Transfer], *, using: str) -> None:
    """Seal of each of these transfers that it is pseudonymised, in the open transaction and before it is done."""
    ids = list(sealed(transfers, using=using).values_list("transfer", flat=True).distinct())
    _append((Seal(kind="forget", transfer=id_, count=1) for id_ in ids), using=using)


def sealed(transfers: QuerySet[Transfer], *, using: str) -> QuerySet[Seal]:
    """Return the links of these transfers."""
    return Seal.objects.using(using).filter(kind="transfer", transfer__in=transfers.values("id"))


def _append(links: Iterable[Seal], *, using: str) -> None:
    newest = Seal.objects.using(using).order_by("-id").values_list("chain", flat=True).first()
    Seal.objects.using(using).bulk_create(_chained(newest or FIRST, links), batch_size=_AT_ONCE)


def _chained(chain: str, links: Iterable[Seal]) -> Iterator[Seal]:
    for link in links:
        chain = link.chain = link_of(chain, link)
        yield link


def link_of(before: str, link: Seal) -> str:
    """Return the digest of a link and of the one `before` it."""
    transfer = str(link.transfer or "")
    return digest(
        [before, link.kind, transfer, link.content, link.person, link.address, link.count, link.text]
    )


def content_of(row: Mapping[str, Any]) -> str:
    """Return the digest of what points to no person."""
    # What was sealed before there was a query stays what it is.
    return digest([*(row[name] for name in CONTENT), *([row["query"]] if row["query"] else [])])


def person_of(salt: str, row: Mapping[str, Any]) -> str:
    """Return the digest of the person, with the salt of a link."""
    return digest([salt, *(row[name] for name in PERSON)])


def address_of(salt: str, row: Mapping[str, Any]) -> str:
    """Return the digest of the address, with the salt of a link."""
    return digest([salt, row["ip"]])


def digest(values: list[Any]) -> str:
    """Return SHA-256 in hexadecimal digits over values of columns, as JSON; moments in UTC to the microsecond."""
    text = json.dumps([_plain(value) for value in values], separators=(",", ":"), sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.hex if isinstance(value, UUID) else value
