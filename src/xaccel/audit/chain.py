"""The hash chain: each transfer that is over is sealed behind the one before, so that a later change shows.

It shows what was changed by somebody who cannot also rewrite the chain; and with the newest link kept elsewhere
(`verify` prints it), that the chain was made anew.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef

from xaccel.audit.models import Seal, Transfer

PERSON = ("subject", "client", "filename")
_NOT_SEALED = {*PERSON, "ip", "download_id", "line_first", "sealed"}
CONTENT = tuple(
    column.attname for column in Transfer._meta.concrete_fields if column.attname not in _NOT_SEALED
)
_AT_ONCE = 2000
_FIRST = "0" * 64


def seal(rows: Iterable[Mapping[str, Any]], *, using: str) -> None:
    """Seal transfers, given as their columns, in the open transaction, in which `upsert.alone` was called before."""
    chain, made = _newest(using), []
    for row in rows:
        person_salt, address_salt = secrets.token_hex(16), secrets.token_hex(16)
        link = Seal(
            kind="transfer",
            transfer=row["id"],
            content=_digest([row[name] for name in CONTENT]),
            person=_digest([person_salt, *(row[name] for name in PERSON)]),
            person_salt=person_salt,
            address=_digest([address_salt, row["ip"]]),
            address_salt=address_salt,
        )
        chain = link.chain = _link(chain, link)
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
    link.chain = _link(_newest(using), link)
    link.save(using=using)


@dataclass(slots=True)
class Verdict:
    """What `verify` found.

    again: links that a later one of the same transfer replaced, since its line or its decision came late. newest: the
    last link. problems: the first of them, in words; many: how many in all.
    """

    sealed: int = 0
    deleted: int = 0
    forgotten: int = 0
    again: int = 0
    newest: str = _FIRST
    many: int = 0
    problems: list[str] = field(default_factory=list)
    seen: bool = False

    def tell(self, problem: str) -> None:
        """Count a problem; the first twenty are kept."""
        self.many += 1
        if len(self.problems) < 20:
            self.problems.append(problem)


def verify(*, using: str, known: str = "") -> Verdict:
    """Walk the chain from its first link, and compare it with the rows. `known` is a link that must be in it."""
    verdict = Verdict()
    seals = iter(Seal.objects.using(using).order_by("id").iterator(chunk_size=_AT_ONCE))
    missing = forgotten = 0
    while links := list(islice(seals, _AT_ONCE)):
        latest, rows = _latest(links, using), _rows(links, using)
        for link in links:
            if _link(verdict.newest, link) != link.chain:
                verdict.tell(
                    f"link {link.pk} does not follow from the one before: it was changed, or one is gone"
                )
            verdict.newest = link.chain
            verdict.seen = verdict.seen or link.chain == known
            if link.transfer is None:
                verdict.deleted += link.count if link.kind == "prune" else 0
                verdict.forgotten += link.count if link.kind == "forget" else 0
            elif latest[link.transfer] != link.pk:
                verdict.again += 1
            else:
                verdict.sealed += 1
                row = rows.get(link.transfer)
                missing += row is None
                forgotten += row is not None and not link.person_salt
                if row is not None:
                    _compare(link, row, verdict)
    _balance(verdict, missing, forgotten, known, using)
    return verdict


def _balance(verdict: Verdict, missing: int, forgotten: int, known: str, using: str) -> None:
    if missing > verdict.deleted:
        verdict.tell(f"{missing - verdict.deleted} transfers are gone that `prune` did not delete")
    if forgotten > verdict.forgotten:
        verdict.tell(f"{forgotten - verdict.forgotten} transfers were pseudonymised, but not by `forget`")
    without = Seal.objects.using(using).filter(transfer=OuterRef("id"))
    unsealed = Transfer.objects.using(using).filter(sealed=True).exclude(Exists(without)).count()
    if unsealed:
        verdict.tell(f"{unsealed} transfers say that they are sealed and are not")
    if known and not verdict.seen:
        verdict.tell(f"the link {known} is not in the chain: it was made anew, or cut before that link")


def _compare(link: Seal, row: Mapping[str, Any], verdict: Verdict) -> None:
    if row["sealed"] is False or row["line_first"]:  # the other half came late: it is sealed again soon
        return
    if _digest([row[name] for name in CONTENT]) != link.content:
        verdict.tell(f"transfer {link.transfer} was changed")
    if link.person_salt and _digest([link.person_salt, *(row[name] for name in PERSON)]) != link.person:
        verdict.tell(f"the person of transfer {link.transfer} was changed")
    if link.address_salt and _digest([link.address_salt, row["ip"]]) != link.address:
        verdict.tell(f"the address of transfer {link.transfer} was changed")


def _latest(links: list[Seal], using: str) -> dict[UUID, int]:
    ids = [link.transfer for link in links if link.transfer is not None]
    found = Seal.objects.using(using).filter(transfer__in=ids).values_list("transfer").annotate(Max("id"))
    return dict(found)


def _rows(links: list[Seal], using: str) -> dict[UUID, Mapping[str, Any]]:
    ids = [link.transfer for link in links if link.transfer is not None]
    found = (
        Transfer.objects.using(using)
        .filter(id__in=ids)
        .values(*CONTENT, *PERSON, "ip", "sealed", "line_first")
    )
    return {row["id"]: row for row in found}


def _newest(using: str) -> str:
    newest = Seal.objects.using(using).order_by("-id").values_list("chain", flat=True).first()
    return newest or _FIRST


def _link(before: str, link: Seal) -> str:
    transfer = str(link.transfer or "")
    return _digest(
        [before, link.kind, transfer, link.content, link.person, link.address, link.count, link.text]
    )


def _digest(values: list[Any]) -> str:
    return sha256(json.dumps([_plain(value) for value in values], separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.hex if isinstance(value, UUID) else value
