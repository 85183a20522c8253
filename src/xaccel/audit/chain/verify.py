"""`manage.py xaccel verify`: walk the seals from the newest to the first, and compare them with the rows."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from django.db import connections, router, transaction
from django.db.models import Max, Q

from xaccel.audit import archives
from xaccel.audit.chain import checkpoint, recount, seals
from xaccel.audit.database import filtered_tables, is_sqlite
from xaccel.audit.models import ArchivePage, Download, Seal, Transfer
from xaccel.audit.values import FORGED, Outcome, is_pseudonym
from xaccel.commands.command import make_command
from xaccel.commands.printing import print_line
from xaccel.errors import OptionRefused, XaccelError


class Verification:
    """The findings of `verify`: problems, and how many rows the seals cover.

    deleted, addresses: rows and addresses that `prune` removed. late: log entries that came after their row was sealed.
    waiting, never_sealed: transfers that will have a seal, or have none although the app decided them.

    A row must be as it was sealed. Only a newer seal excuses a difference: docs/operate/seals.md has the rule.
    """

    def __init__(self, using: str, known: tuple[int, str] | None = None) -> None:
        """known: number and digest of a seal that must be in the chain."""
        self._transfers, self._seals = Transfer.objects.using(using), Seal.objects.using(using)
        self.downloads = Download.objects.using(using).count()
        self.deleted = self.addresses = 0
        self._counts = Counter[str]()
        # of the seals that were walked, which are newer
        self._until = dict.fromkeys(seals.BY_TIME, seals.moment(None))
        self._oldest = b"\xff" * 8
        self._forgotten, self._late = set[bytes](), dict[bytes, bytes]()
        pruned = self._seals.filter(kind="prune").aggregate(until=Max("until"))["until"]
        self.problems = [
            f"{table} is a view or has a row-level policy, so other queries can get other rows"
            for table in filtered_tables((Transfer, Download, Seal, ArchivePage), using=using)
        ]
        self.problems += [*self._walk(known), *self._count(), *recount.problems(using, pruned)]
        self.problems += archives.altered_layouts(using=using)
        self.sealed, self.forgotten, self.late = (
            self._counts[kind] for kind in ("transfers", "forget", "late")
        )

    def _walk(self, known: tuple[int, str] | None) -> Iterator[str]:
        """Compare each seal with the digest of the one before it and with its rows."""
        newest_first = self._seals.order_by("-number").iterator(20)
        for seal, before in pairwise(chain(newest_first, [Seal(number=0, chain=seals.FIRST)])):
            if known == (seal.number, seal.chain):
                known = None
            is_next = seal.number == before.number + 1
            if not is_next or seals.chain_of(before.chain, seal) != seal.chain:
                yield f"seal {seal.number} does not match the seal before it: one was changed, or a seal is missing"
            blob, until = bytes(seal.leaves), seals.moment(seal.until)
            leaves = {blob[at : at + seals.LEAF] for at in range(0, len(blob), seals.LEAF)}
            if not self._has_its_leaves(seal, leaves, until):
                yield f"the leaves of seal {seal.number} were changed"
            if seal.kind == "prune" and self._oldest < until:
                yield f"seal {seal.number} says that `prune` deleted rows that are in newer seals"
            kept = {leaf for leaf in leaves if leaf >= self._until["prune"]}
            if seal.kind in seals.BY_TIME:
                self._until[seal.kind] = max(self._until[seal.kind], until)
            elif seal.kind == "transfers":
                self.deleted += seal.count - len(kept)
                yield from self._compare(seal.number, leaves, kept)
            elif seal.kind == "forget":
                self._forgotten |= kept
            elif seal.kind == "late":
                self._late |= dict.fromkeys(kept, self._until["addresses"])
            else:
                yield f"seal {seal.number} is of an unknown kind"
            self._counts[seal.kind] += seal.count
            self._oldest = min([self._oldest, *(leaf[:8] for leaf in leaves)])
        if known:
            yield "the checkpoint's seal is not in the chain: the trail was replaced, or ends before that seal"

    def _has_its_leaves(self, seal: Seal, leaves: set[bytes], until: bytes) -> bool:
        if not leaves and seal.kind not in seals.BY_TIME:
            return until < self._until["prune"]
        said = (len(leaves), max(leaves)[:8]) if leaves else (seal.count, until)
        return (seal.count, until) == said and seal.digest == sha256(bytes(seal.leaves)).hexdigest()

    def _compare(self, number: int, leaves: set[bytes], kept: set[bytes]) -> Iterator[str]:
        gone = len(kept)
        for row in self._transfers.filter(batch=number).values():
            leaf, name = seals.leaf_of(row), f"transfer {row['id']}"
            gone -= leaf in kept or leaf not in leaves
            if leaf not in leaves:
                yield f"{name} was changed or added"
                continue
            if leaf not in kept:
                yield f"{name} is there, but a seal says that `prune` deleted it"
            until: bytes | None = self._until["addresses"]
            if seals.is_late(row):
                until = self._late.pop(seals.leaf_of(row, late=True), None)
                if until is None:
                    yield f"the log entry of {name} came after its row was sealed, and no seal has this entry"
            yield from self._compare_person(row, name, leaf in self._forgotten, until or seals.moment(None))
            self._forgotten.discard(leaf)
        if gone > 0:
            yield f"{gone} transfers of seal {number} are missing that `prune` did not delete"

    def _compare_person(
        self, row: Mapping[str, Any], name: str, forgotten: bool, until: bytes
    ) -> Iterator[str]:
        """Compare user and address with what `forget`, and `prune` until this time, removed."""
        if seals.is_hidden(row["person_proof"]):
            if not forgotten:
                yield f"the user of {name} was removed, but not by `forget`"
            elif not is_pseudonym(row["subject"]) or row["client"] or row["filename"]:
                yield f"the user of {name} was changed"
        elif forgotten:
            yield f"the user of {name} is there, but a seal says that `forget` removed it"
        is_old = seals.moment(row["ended_at"] or row["decided_at"]) < until
        if seals.is_hidden(row["address_proof"]):
            self.addresses += not forgotten
            if row["ip"] is not None:
                yield f"the address of {name} was changed"
            elif not (forgotten or is_old):
                yield f"the address of {name} was removed, but not by `prune` or `forget`"
        elif row["ip"] is not None and (forgotten or is_old):
            yield f"the address of {name} is there, but a seal says that it was removed"

    def _count(self) -> Iterator[str]:
        """Compare what only the whole chain can say."""
        waits = Q(batch=0) | Q(outcome=Outcome.GRANTED) | Q(why__in=FORGED, decided_at__isnull=False)
        self.waiting = self._transfers.filter(waits, Q(batch=None) | Q(batch=0)).count()
        self.never_sealed = self._transfers.filter(~waits, ~Q(why__in=FORGED), batch=None).count()
        strays = self._transfers.filter(batch__isnull=False).exclude(batch=0)
        strays = strays.exclude(batch__in=self._seals.filter(kind="transfers"))
        beyond = "more transfers were deleted according to the seals of `prune` than are missing"
        for count, said in (
            (strays.count(), "transfers have a seal that does not exist"),
            (len(self._late), "late log entries were changed or are missing"),
            (len(self._forgotten), "transfers that a seal of `forget` has were changed or are missing"),
            (
                max(0, self.addresses - self._counts["addresses"]),
                "addresses are missing that `prune` did not remove",
            ),
            (self._counts["prune"] - self.deleted, beyond),
        ):
            if count:
                yield f"{count} {said}"


def _verify(args: argparse.Namespace, _: object) -> None:
    if bool(args.checkpoint) != bool(args.key):
        what, remedy = "--checkpoint or --key is missing", "Give --checkpoint and --key together."
        raise OptionRefused(what, where="verify", remedy=remedy)
    known = checkpoint.read_note(args.checkpoint, args.key) if args.checkpoint else None
    using = router.db_for_read(Transfer)
    with transaction.atomic(using=using):
        if not is_sqlite(using):  # one state in all queries, while others write
            connections[using].cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = Verification(using, known)
    print_line(
        f"{found.sealed} transfers are sealed, {found.deleted} deleted, {found.forgotten} pseudonymised"
    )
    print_line(f"{found.addresses} addresses are removed")
    print_line(f"{found.downloads} downloads are compared with their transfers")
    waiting = f"{found.waiting} transfers wait for their log entry or for `ingest`"
    print_line(f"{waiting}; {found.never_sealed} are never sealed")
    print_line(f"{found.late} log entries came after their transfer was sealed")
    if count := len(found.problems):
        what = "; ".join(found.problems[:20]) + (" …" if count > 20 else "")
        remedy = "Compare with a backup, and keep checkpoints where the database's owner cannot reach them."
        raise XaccelError(what, where=f"{count} problems in the trail", remedy=remedy)


VERIFY = make_command("verify", types={"--checkpoint": Path, "--key": Path}, run=_verify)
