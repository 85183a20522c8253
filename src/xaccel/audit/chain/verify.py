"""`manage.py xaccel verify`: walk the seals from the newest to the first, and compare them with the rows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path

from django.db import router
from django.db.models import Q

from xaccel.audit.chain import checkpoint, seals
from xaccel.audit.ingest import recount
from xaccel.audit.ingest.database import snapshot
from xaccel.audit.models import Download, Seal, Transfer
from xaccel.audit.values import FORGED, Outcome, is_pseudonym
from xaccel.cli.command import FindObject, make_command
from xaccel.errors import OptionRefused, XaccelError
from xaccel.site import Site


class Verification:
    """The findings of `verify`: problems, and how many rows the seals cover.

    deleted: by `prune`. late: log entries that came after their row was sealed. waiting, never_sealed: transfers that
    will have a seal, or have none.
    """

    def __init__(self, using: str, known: tuple[int, str] | None = None) -> None:
        """known: number and digest of a seal that must be in the chain."""
        self.sealed = self.deleted = self.forgotten = self.late = 0
        self.waiting = self.never_sealed = self.downloads = 0
        self._using, self._rows, self._noted = using, 0, 0
        self._pruned = self._dropped = seals.moment(None)
        self._forgotten_leaves, self._late_leaves = set[bytes](), set[bytes]()
        self.problems = [*self._walk(known), *self._count(), *recount.problems(using)]

    def _walk(self, known: tuple[int, str] | None) -> Iterator[str]:
        """Compare each seal with the digest of the one before it and with its rows."""
        newest_first = Seal.objects.using(self._using).order_by("-number").iterator(20)
        for seal, before in pairwise(chain(newest_first, [Seal(chain=seals.FIRST)])):
            if known == (seal.number, seal.chain):
                known = None
            if seals.chain_of(before.chain, seal) != seal.chain:
                yield f"seal {seal.number} does not follow the one before: it was changed, or one is gone"
            blob, until = bytes(seal.leaves), seals.moment(seal.until)
            if seal.digest != sha256(blob).hexdigest() and (blob or until >= self._pruned):
                yield f"the leaves of seal {seal.number} were changed"
            leaves = {blob[at : at + seals.LEAF] for at in range(0, len(blob), seals.LEAF)}
            if seal.kind == "prune":
                self._pruned, self._noted = max(self._pruned, until), self._noted + seal.count
            elif seal.kind == "addresses":
                self._dropped = max(self._dropped, until)
            elif seal.kind == "forget":
                self._forgotten_leaves |= leaves
                self.forgotten += seal.count
            elif seal.kind == "late":
                self._late_leaves |= {leaf for leaf in leaves if leaf >= self._pruned}
                self.late += seal.count
            elif seal.kind == "transfers":
                yield from self._compare(seal, leaves)
        if known:
            yield "the checkpoint's seal is not in the chain: the trail was made anew, or cut before that seal"

    def _compare(self, seal: Seal, leaves: set[bytes]) -> Iterator[str]:
        kept = {leaf for leaf in leaves if leaf >= self._pruned}
        gone = len(kept)
        self.sealed += seal.count
        self.deleted += seal.count - len(kept)
        for row in Transfer.objects.using(self._using).filter(batch=seal.number).values():
            self._rows += 1
            leaf, name = seals.leaf_of(row), f"transfer {row['id']}"
            if leaf in leaves and leaf not in kept:
                yield f"{name} is there, but a seal says that `prune` deleted it"
            else:
                gone -= 1
            if leaf not in leaves:
                yield f"{name} was changed or slipped in"
            forgotten = leaf in self._forgotten_leaves
            if seals.is_hidden(row["person_proof"]):
                if not forgotten:
                    yield f"the user of {name} was removed, but not by `forget`"
                elif not is_pseudonym(row["subject"]) or row["client"] or row["filename"]:
                    yield f"the user of {name} was changed"
            if seals.is_hidden(row["address_proof"]):
                if row["ip"] is not None:
                    yield f"the address of {name} was changed"
                elif not forgotten and seals.moment(row["ended_at"]) >= self._dropped:
                    yield f"the address of {name} was removed, but not by `prune` or `forget`"
            late = seals.late_leaf_of(row)
            self.waiting += seals.is_late(row) and late not in self._late_leaves
            self._late_leaves.discard(late)
        if gone > 0:
            yield f"{gone} transfers of seal {seal.number} are gone that `prune` did not delete"

    def _count(self) -> Iterator[str]:
        """Compare what only the whole chain can say."""
        rows = Transfer.objects.using(self._using)
        waits = Q(batch=0) | Q(outcome=Outcome.GRANTED) | Q(why__in=FORGED, decided_at__isnull=False)
        self.waiting += rows.filter(waits, Q(batch=None) | Q(batch=0)).count()
        self.never_sealed = rows.filter(~waits, batch=None).count()
        self.downloads = Download.objects.using(self._using).count()
        beyond = "transfers should be gone beyond those that are, by what `prune` says"
        for count, said in (
            (rows.filter(batch__gt=0).count() - self._rows, "transfers are of a seal that is not there"),
            (len(self._late_leaves), "log entries that came late were changed or are gone"),
            (self._noted - self.deleted, beyond),
        ):
            if count:
                yield f"{count} {said}"


def _run(args: argparse.Namespace, site: Site, find_object: FindObject | None) -> None:
    if bool(args.checkpoint) != bool(args.key):
        what, remedy = "--checkpoint or --key is missing", "Give --checkpoint and --key together."
        raise OptionRefused(what, where="verify", remedy=remedy)
    known = checkpoint.read(args.checkpoint, args.key) if args.checkpoint else None
    using = router.db_for_read(Transfer)
    with snapshot(using):
        found = Verification(using, known)
    print(f"{found.sealed} transfers are sealed, {found.deleted} deleted, {found.forgotten} pseudonymised")
    print(f"{found.downloads} downloads are compared with their transfers")
    waiting = f"{found.waiting} transfers wait for their log entry or for `ingest`"
    print(f"{waiting}; {found.never_sealed} are never sealed")
    print(f"{found.late} log entries came after their transfer was sealed")
    if count := len(found.problems):
        raise XaccelError(
            "; ".join(found.problems[:20]) + (" …" if count > 20 else ""),
            where=f"{count} problems in the trail",
            remedy="Compare with a backup, and keep checkpoints where the database's owner cannot reach them.",
        )


VERIFY = make_command("verify", types={"--checkpoint": Path, "--key": Path}, run=_run)
