"""`manage.py xaccel verify`: walk the seals from the newest to the first, and compare them with the rows."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path

from django.db import connections, router, transaction
from django.db.models import Q

from xaccel.audit.chain import checkpoint, seals
from xaccel.audit.ingest import recount
from xaccel.audit.ingest.database import is_sqlite
from xaccel.audit.models import Download, Seal, Transfer
from xaccel.audit.values import FORGED, Outcome, is_pseudonym
from xaccel.cli.command import make_command
from xaccel.errors import OptionRefused, XaccelError


class Verification:
    """The findings of `verify`: problems, and how many rows the seals cover.

    deleted: by `prune`. late: log entries that came after their row was sealed. waiting, never_sealed: transfers that
    will have a seal, or have none.
    """

    def __init__(self, using: str, known: tuple[int, str] | None = None) -> None:
        """known: number and digest of a seal that must be in the chain."""
        self._transfers, self._seals = Transfer.objects.using(using), Seal.objects.using(using)
        self.downloads = Download.objects.using(using).count()
        self.deleted = self.waiting = 0
        self._counts, self._leaves = Counter[str](), defaultdict[str, set[bytes]](set)
        self._until = defaultdict[str, bytes](lambda: seals.moment(None))
        self.problems = [*self._walk(known), *self._count(), *recount.problems(using)]
        self.sealed, self.forgotten, self.late = (
            self._counts[kind] for kind in ("transfers", "forget", "late")
        )

    def _walk(self, known: tuple[int, str] | None) -> Iterator[str]:
        """Compare each seal with the digest of the one before it and with its rows."""
        newest_first = self._seals.order_by("-number").iterator(20)
        for seal, before in pairwise(chain(newest_first, [Seal(chain=seals.FIRST)])):
            if known == (seal.number, seal.chain):
                known = None
            if seals.chain_of(before.chain, seal) != seal.chain:
                yield f"seal {seal.number} does not match the seal before it: one was changed, or a seal is missing"
            blob, until = bytes(seal.leaves), seals.moment(seal.until)
            if seal.digest != sha256(blob).hexdigest() and (blob or until >= self._until["prune"]):
                yield f"the leaves of seal {seal.number} were changed"
            leaves = {blob[at : at + seals.LEAF] for at in range(0, len(blob), seals.LEAF)}
            kept = {leaf for leaf in leaves if leaf >= self._until["prune"]}
            if seal.kind == "transfers":
                self.deleted += seal.count - len(kept)
                yield from self._compare(seal.number, leaves, kept)
            else:
                self._leaves[seal.kind] |= kept
            self._counts[seal.kind] += seal.count
            self._until[seal.kind] = max(self._until[seal.kind], until)
        if known:
            yield "the checkpoint's seal is not in the chain: the trail was replaced, or ends before that seal"

    def _compare(self, number: int, leaves: set[bytes], kept: set[bytes]) -> Iterator[str]:
        gone = len(kept)
        for row in self._transfers.filter(batch=number).values():
            leaf, late, name = seals.leaf_of(row), seals.leaf_of(row, late=True), f"transfer {row['id']}"
            gone -= leaf in kept or leaf not in leaves
            if leaf not in leaves:
                yield f"{name} was changed or added"
            elif leaf not in kept:
                yield f"{name} is there, but a seal says that `prune` deleted it"
            forgotten = leaf in self._leaves["forget"]
            if seals.is_hidden(row["person_proof"]):
                if not forgotten:
                    yield f"the user of {name} was removed, but not by `forget`"
                elif not is_pseudonym(row["subject"]) or row["client"] or row["filename"]:
                    yield f"the user of {name} was changed"
            if seals.is_hidden(row["address_proof"]):
                if row["ip"] is not None:
                    yield f"the address of {name} was changed"
                elif not forgotten and seals.moment(row["ended_at"]) >= self._until["addresses"]:
                    yield f"the address of {name} was removed, but not by `prune` or `forget`"
            self.waiting += seals.is_late(row) and late not in self._leaves["late"]
            self._leaves["late"].discard(late)
        if gone > 0:
            yield f"{gone} transfers of seal {number} are missing that `prune` did not delete"

    def _count(self) -> Iterator[str]:
        """Compare what only the whole chain can say."""
        waits = Q(batch=0) | Q(outcome=Outcome.GRANTED) | Q(why__in=FORGED, decided_at__isnull=False)
        self.waiting += self._transfers.filter(waits, Q(batch=None) | Q(batch=0)).count()
        self.never_sealed = self._transfers.filter(~waits, batch=None).count()
        strays = self._transfers.filter(batch__gt=0)
        strays = strays.exclude(batch__in=self._seals.filter(kind="transfers"))
        beyond = "more transfers were deleted according to the seals of `prune` than are missing"
        for count, said in (
            (strays.count(), "transfers have a seal that does not exist"),
            (len(self._leaves["late"]), "late log entries were changed or are missing"),
            (self._counts["prune"] - self.deleted, beyond),
        ):
            if count:
                yield f"{count} {said}"


def _run(args: argparse.Namespace, *_: object) -> None:
    if bool(args.checkpoint) != bool(args.key):
        what, remedy = "--checkpoint or --key is missing", "Give --checkpoint and --key together."
        raise OptionRefused(what, where="verify", remedy=remedy)
    known = checkpoint.read(args.checkpoint, args.key) if args.checkpoint else None
    using = router.db_for_read(Transfer)
    with transaction.atomic(using=using):
        if not is_sqlite(using):  # one state in all queries, while others write
            connections[using].cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = Verification(using, known)
    print(f"{found.sealed} transfers are sealed, {found.deleted} deleted, {found.forgotten} pseudonymised")
    print(f"{found.downloads} downloads are compared with their transfers")
    print(f"{found.waiting} transfers wait for their log entry or for `ingest`; ", end="")
    print(f"{found.never_sealed} are never sealed")
    print(f"{found.late} log entries came after their transfer was sealed")
    if count := len(found.problems):
        raise XaccelError(
            "; ".join(found.problems[:20]) + (" …" if count > 20 else ""),
            where=f"{count} problems in the trail",
            remedy="Compare with a backup, and keep checkpoints where the database's owner cannot reach them.",
        )


VERIFY = make_command("verify", types={"--checkpoint": Path, "--key": Path}, run=_run)
