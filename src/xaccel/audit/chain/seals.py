"""Seal final rows in batches, each seal after the one before, and note in the chain what `prune` and `forget` removed.

A leaf stands for one row: 8 bytes of the time that `prune` compares, and 24 of a digest of the row. User and address
are in it as digests with random salts. `forget` deletes a salt with the user, and only the digest stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import Case, QuerySet, Value, When

from xaccel.audit.database import random_text, upsert_rows, writing
from xaccel.audit.models import Seal, Transfer

AT_ONCE = 5000
"""Rows of one seal at most."""
FIRST = "0" * 64
"""Predecessor of the first seal."""
LEAF = 32
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
BY_TIME = ("prune", "addresses")
"""Kinds of seals that have no leaves: they excuse what is older than a time."""
_HIDDEN_BY = {"person_proof": ("subject", "client", "filename"), "address_proof": ("ip",)}
_NOT_CONTENT = {*_HIDDEN_BY, "subject", "client", "filename", "ip", "download_id", "batch"}
_CONTENT = [name for field in Transfer._meta.concrete_fields if (name := field.attname) not in _NOT_CONTENT]
_ENTRY = ["id", "outcome", "version", *_CONTENT[_CONTENT.index("status") :]]
_AWAITED = Transfer(outcome="unknown")
_NO_ENTRY = {name: getattr(_AWAITED, name) for name in (*_ENTRY[1:], "ip", "address_proof")}


def seal_waiting(*, using: str) -> None:
    """Seal the rows that wait for it."""
    waiting = Transfer.objects.using(using).filter(batch=0).order_by("id").values_list("id", flat=True)
    address = Case(When(ip=None, then=Value("")), default=random_text(using))
    while True:
        with writing(using):
            if not (ids := list(waiting[:AT_ONCE])):
                return
            rows = Transfer.objects.using(using).filter(id__in=ids)
            rows.update(batch=_last(using)[0] + 1, person_proof=random_text(using), address_proof=address)
            _append("transfers", map(leaf_of, rows.values()), using=using)


def seal_late(transfers: list[UUID], *, using: str) -> None:
    """Seal log entries that came after their rows were sealed, in the open transaction."""
    rows = Transfer.objects.using(using).filter(id__in=transfers)
    rows.filter(ip__isnull=False).update(address_proof=random_text(using))
    _append("late", (leaf_of(row, late=True) for row in rows.values()), using=using)


def note(kind: str, rows: QuerySet[Transfer], before: datetime, *, using: str) -> None:
    """Note before it is done that these rows, all from before that time, are deleted or lose their addresses."""
    if count := rows.filter(batch__gt=0).count():
        _append(kind, (), using=using, count=count, until=before)
        if kind == "prune":
            Seal.objects.using(using).filter(until__lt=before).exclude(leaves=b"").update(leaves=b"")


def hide(rows: QuerySet[Transfer], *, using: str, person: bool) -> None:
    """Replace the salts of sealed rows by digests: of the address, and of a user who is forgotten (`person`)."""
    hidden = list(rows.filter(batch__gt=0).values())
    for row in hidden:
        row["address_proof"] = row["address_proof"] and proof_of(row, "address_proof")
        if person:
            row["person_proof"] = proof_of(row, "person_proof")
    if hidden and person:
        _append("forget", map(leaf_of, hidden), using=using)
    columns = [field.attname for field in Transfer._meta.concrete_fields]
    upsert_rows(Transfer, columns, [[*row.values()] for row in hidden], update=_HIDDEN_BY, using=using)


def _append(
    kind: str, leaves: Iterable[bytes], *, using: str, count: int = 0, until: datetime | None = None
) -> None:
    (number, chain), ordered = _last(using), sorted(leaves)
    blob = b"".join(ordered)
    seal = Seal(number=number + 1, kind=kind, count=count or len(ordered), leaves=blob)
    seal.until = until or _EPOCH + int.from_bytes(ordered[-1][:8], "big") * _MICROSECOND
    seal.digest = sha256(blob).hexdigest()
    seal.chain = chain_of(chain, seal)
    seal.save(force_insert=True, using=using)


def _last(using: str) -> tuple[int, str]:
    return Seal.objects.using(using).order_by("-number").values_list("number", "chain").first() or (0, FIRST)


def chain_of(before: str, seal: Seal) -> str:
    """Return the digest of a seal and of the one `before` it."""
    return _digest(before, seal.number, seal.kind, seal.count, seal.digest, seal.until)


def leaf_of(row: Mapping[str, Any], *, late: bool = False) -> bytes:
    """Return the leaf of a row, without a log entry that came late; with `late` the leaf of such an entry."""
    columns, proofs = (_ENTRY, ["address_proof"]) if late else (_CONTENT, [*_HIDDEN_BY])
    if not late and is_late(row):
        row = {**row, **_NO_ENTRY, "version": row["details"]["version_before"]}
    digest = _digest(*(row[name] for name in columns), *(proof_of(row, name) for name in proofs))
    return moment(row["decided_at"] or row["ended_at"]) + bytes.fromhex(digest)[:24]


def is_late(row: Mapping[str, Any]) -> bool:
    """Tell whether the log entry of a row came after the row was sealed."""
    return isinstance(row["details"], dict) and "version_before" in row["details"]


def moment(at: datetime | None) -> bytes:
    """Return a time in the form in which leaves begin and are compared."""
    return max(0, (at - _EPOCH) // _MICROSECOND if at else 0).to_bytes(8, "big")


def proof_of(row: Mapping[str, Any], name: str) -> str:
    """Return the digest of user or address that replaces the salt in the column `name` once it is removed."""
    proof: str = row[name]
    return proof if is_hidden(proof) else _digest(proof, *(row[column] for column in _HIDDEN_BY[name]))


def is_hidden(proof: str) -> bool:
    """Tell whether a proof is the digest, and not a salt."""
    return len(proof) == 64


def _digest(*values: Any) -> str:
    def plain(value: Any) -> str:
        return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)

    return sha256(json.dumps(values, sort_keys=True, default=plain).encode()).hexdigest()
