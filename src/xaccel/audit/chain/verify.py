"""`manage.py xaccel verify`: walk the seals from the newest to the first, and compare them with the rows."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path

from django.db import connections, router, transaction
from django.db.models import Exists, OuterRef, Q

from xaccel.audit.chain import checkpoint, seals
from xaccel.audit.ingest import recount
from xaccel.audit.ingest.database import is_sqlite
from xaccel.audit.models import Download, Seal, Transfer
from xaccel.audit.values import FORGED, GAVE_BYTES, Outcome, is_pseudonym
from xaccel.cli.command import Command, FindObject
from xaccel.errors import OptionRefused, XaccelError
from xaccel.site import Site


@dataclass(slots=True)
class Verification:
    """Findings of `verify`, and counts of the rows that the seals cover.

    sealed, deleted, forgotten, late: transfers that were sealed, that `prune` deleted, that were pseudonymised, and
    whose log entry came after their seal. waiting, never_sealed: transfers that will have a seal, or have none.
    downloads: how many were compared. problems: the first twenty; many: how many in all.
    """

    sealed: int = 0
    deleted: int = 0
    forgotten: int = 0
    late: int = 0
    waiting: int = 0
    never_sealed: int = 0
    downloads: int = 0
    many: int = 0
    problems: list[str] = field(default_factory=list)
    _rows: int = 0
    _noted: int = 0
    _pruned: bytes = seals.moment(None)
    _dropped: bytes = seals.moment(None)
    _forgotten: set[bytes] = field(default_factory=set)
    _late: set[bytes] = field(default_factory=set)

    def tell(self, problem: str) -> None:
        """Count a problem."""
        self.many += 1
        self.problems += [problem] if self.many <= 20 else []

    def take(self, seal: Seal, before: str, using: str) -> None:
        """Compare a seal with the digest of the one `before` it and with its rows."""
        blob, until = bytes(seal.leaves), seals.moment(seal.until)
        leaves = {blob[at : at + seals.LEAF] for at in range(0, len(blob), seals.LEAF)}
        if seals.chain_of(before, seal) != seal.chain:
            self.tell(f"seal {seal.number} does not follow the one before: it was changed, or one is gone")
        if seal.digest != sha256(blob).hexdigest() and (blob or until >= self._pruned):
            self.tell(f"the leaves of seal {seal.number} were changed")
        if seal.kind == "prune":
            self._pruned, self._noted = max(self._pruned, until), self._noted + seal.count
        elif seal.kind == "addresses":
            self._dropped = max(self._dropped, until)
        elif seal.kind == "forget":
            self._forgotten |= leaves
            self.forgotten += seal.count
        elif seal.kind == "late":
            self._late |= {leaf for leaf in leaves if leaf >= self._pruned}
            self.late += seal.count
        elif seal.kind == "transfers":
            self._compare(seal, leaves, using)

    def _compare(self, seal: Seal, leaves: set[bytes], using: str) -> None:
        kept, changed = {leaf for leaf in leaves if leaf >= self._pruned}, 0
        self.sealed += seal.count
        self.deleted += seal.count - len(kept)
        for row in Transfer.objects.using(using).filter(batch=seal.number).values(*seals.COLUMNS):
            self._rows += 1
            id_, leaf, late = row["id"], seals.leaf_of(row), seals.late_leaf_of(row)
            if leaf not in kept:
                changed += leaf not in leaves
                pruned = "is there, but a seal says that `prune` deleted it"
                self.tell(f"transfer {id_} {pruned if leaf in leaves else 'was changed or slipped in'}")
            if seals.is_hidden(row["person_proof"]):
                if leaf not in self._forgotten:
                    self.tell(f"the user of transfer {id_} was removed, but not by `forget`")
                elif not is_pseudonym(row["subject"]) or row["client"] or row["filename"]:
                    self.tell(f"the user of transfer {id_} was changed")
            if seals.is_hidden(row["address_proof"]):
                if row["ip"] is not None:
                    self.tell(f"the address of transfer {id_} was changed")
                elif leaf not in self._forgotten and seals.moment(row["ended_at"]) >= self._dropped:
                    self.tell(f"the address of transfer {id_} was removed, but not by `prune` or `forget`")
            self.waiting += seals.is_late(row) and late not in self._late
            self._late.discard(late)
            kept.discard(leaf)
        if (gone := len(kept) - changed) > 0:
            self.tell(f"{gone} transfers of seal {seal.number} are gone that `prune` did not delete")

    def end(self, using: str) -> None:
        """Compare what only the whole chain can say, and downloads with their transfers."""
        rows = Transfer.objects.using(using)
        waits = Q(batch=0) | Q(outcome=Outcome.GRANTED) | Q(why__in=FORGED, decided_at__isnull=False)
        self.waiting += rows.filter(waits, Q(batch=None) | Q(batch=0)).count()
        self.never_sealed = rows.filter(~waits, batch=None).count()
        gave = rows.filter(outcome__in=GAVE_BYTES, decided_at__isnull=False)
        download = Download.objects.using(using).filter(id=OuterRef("download_id"))
        beyond = "transfers should be gone beyond those that are, by what `prune` says"
        for count, said in (
            (rows.filter(batch__gt=0).count() - self._rows, "transfers are of a seal that is not there"),
            (len(self._late), "log entries that came late were changed or are gone"),
            (self._noted - self.deleted, beyond),
            (gave.filter(~Exists(download)).count(), "transfers gave bytes and belong to no download"),
        ):
            if count:
                self.tell(f"{count} {said}")
        for id_, wrong in recount.downloads(using):
            self.downloads += 1
            if wrong:
                self.tell(f"download {id_} is not what its transfers say: {wrong}")


def verify(using: str, *, known: tuple[int, str] | None = None) -> Verification:
    """Compare chain, rows and downloads. known: number and digest of a seal that must be in the chain."""
    found, seen = Verification(), known is None
    newest_first = Seal.objects.using(using).order_by("-number").iterator(20)
    for seal, before in pairwise(chain(newest_first, [Seal(chain=seals.FIRST)])):
        seen = seen or (seal.number, seal.chain) == known
        found.take(seal, before.chain, using)
    if not seen:
        found.tell(
            "the checkpoint's seal is not in the chain: the trail was made anew, or cut before that seal"
        )
    found.end(using)
    return found


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "what `checkpoint` printed, kept elsewhere since"
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help=what)
    parser.add_argument("--key", type=Path, metavar="FILE", help="PEM file of the checkpoint's public key")


def _run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    if bool(args.checkpoint) != bool(args.key):
        what, remedy = "--checkpoint or --key is missing", "Give --checkpoint and --key together."
        raise OptionRefused(what, where="verify", remedy=remedy)
    known = checkpoint.read(args.checkpoint, args.key) if args.checkpoint else None
    using = router.db_for_read(Transfer)
    with transaction.atomic(using=using):  # one state of the database, while `ingest` goes on
        if not is_sqlite(using):
            with connections[using].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = verify(using, known=known)
    print(f"{found.sealed} transfers are sealed, {found.deleted} deleted, {found.forgotten} pseudonymised")
    print(f"{found.downloads} downloads are compared with their transfers")
    waiting = f"{found.waiting} transfers wait for their log entry or for `ingest`"
    print(f"{waiting}; {found.never_sealed} are never sealed")
    print(f"{found.late} log entries came after their transfer was sealed")
    if found.many:
        raise XaccelError(
            "; ".join(found.problems) + (" …" if found.many > len(found.problems) else ""),
            where=f"{found.many} problems in the trail",
            remedy="Compare with a backup, and keep checkpoints where the database's owner cannot reach them.",
        )


VERIFY = Command(
    help="check the seals over the transfers",
    description="Compare the seals (XACCEL_AUDIT['CHAIN']) with the transfers, and these with the downloads. A trail"
    " that was rewritten as a whole, seals included, shows only with --checkpoint.",
    add_arguments=_add_arguments,
    run=_run,
)
