"""Verify the trail: walk the seals from the newest to the first, and compare each with the rows that it sealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, pairwise

from django.db.models import Exists, OuterRef, Q

from xaccel.audit.chain import seals
from xaccel.audit.decision.pseudonym import is_pseudonym
from xaccel.audit.ingest import recount
from xaccel.audit.models import Download, Seal, Transfer
from xaccel.audit.outcome import FORGED, GAVE_BYTES, Outcome


@dataclass(slots=True)
class Verdict:
    """What was found, and what the seals so far say of rows that were sealed before them.

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
            self.tell(
                f"seal {seal.number} does not follow from the one before: it was changed, or one is gone"
            )
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
                    self.tell(f"the person of transfer {id_} was taken out, but not by `forget`")
                elif not is_pseudonym(row["subject"]) or row["client"] or row["filename"]:
                    self.tell(f"the person of transfer {id_} was changed")
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
        for count, said in (
            (rows.filter(batch__gt=0).count() - self._rows, "transfers are of a seal that is not there"),
            (len(self._late), "log entries that came late were changed or are gone"),
            (
                self._noted - self.deleted,
                "transfers should be gone beyond those that are, by what `prune` says",
            ),
            (gave.filter(~Exists(download)).count(), "transfers gave bytes and belong to no download"),
        ):
            if count:
                self.tell(f"{count} {said}")
        for id_, wrong in recount.downloads(using):
            self.downloads += 1
            if wrong:
                self.tell(f"download {id_} is not what its transfers say: {wrong}")


def verify(using: str, *, known: tuple[int, str] | None = None) -> Verdict:
    """Compare chain, rows and downloads. known: number and digest of a seal that must be in the chain."""
    verdict, seen = Verdict(), known is None
    found = Seal.objects.using(using).order_by("-number").iterator(20)
    for seal, before in pairwise(chain(found, [Seal(chain=seals.FIRST)])):
        seen = seen or (seal.number, seal.chain) == known
        verdict.take(seal, before.chain, using)
    if not seen:
        verdict.tell(
            "the checkpoint's seal is not in the chain: the trail was made anew, or cut before that seal"
        )
    verdict.end(using)
    return verdict
