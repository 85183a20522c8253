"""Whether a trail is what it was: its chain is walked from the first link, and each link compared with its transfer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from xaccel.audit.chain import CONTENT, FIRST, PERSON, digest, link_of
from xaccel.audit.models import Seal
from xaccel.audit.recount import differences

_AT_ONCE = 2000


class Trail(Protocol):
    """Where links and transfers come from."""

    def links(self) -> Iterator[Seal]:
        """Return the links in their order."""

    def latest(self, transfers: list[UUID]) -> dict[UUID, int]:
        """Return the newest link of each of these transfers, by its number."""

    def rows(self, transfers: list[UUID]) -> dict[UUID, Mapping[str, Any]]:
        """Return the columns of those of these transfers that are there."""

    def waits(self, row: Mapping[str, Any]) -> bool:
        """Tell whether `row` need not be what its link says: it is sealed again soon, or was later."""

    def without_link(self) -> int:
        """Return how many transfers say that they are sealed and have no link."""

    def unsealed(self) -> int:
        """Return how many transfers do not say that they are sealed."""

    def downloads(self) -> Iterator[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
        """Return each download and its transfers, with the columns that `recount` names."""

    def without_download(self, since: datetime | None) -> int:
        """Return how many transfers gave bytes and belong to no download that is there, of those that ended `since`."""


@dataclass(slots=True)
class Verdict:
    """What `verify` found.

    missing: sealed transfers that are not there. deleted, forgotten: how many the chain says were pruned, or
    pseudonymised; pruned_before: the latest such time. unsealed: transfers that wait for their line, or were decided
    without a chain. again: links that a later one of the same transfer replaced, since its line or its decision came
    late. newest: the last link. downloads: how many were compared with their transfers.
    problems: the first of them, in words; many: how many in all.
    """

    sealed: int = 0
    missing: int = 0
    deleted: int = 0
    forgotten: int = 0
    pruned_before: datetime | None = None
    downloads: int = 0
    unsealed: int = 0
    again: int = 0
    newest: str = FIRST
    many: int = 0
    problems: list[str] = field(default_factory=list)
    seen: bool = False

    def tell(self, problem: str) -> None:
        """Count a problem; the first twenty are kept."""
        self.many += 1
        if len(self.problems) < 20:
            self.problems.append(problem)


def verify(trail: Trail, *, known: str = "", part: bool = False) -> Verdict:
    """Walk the chain of `trail`, and compare it with the transfers.

    known: a link that must be in it. part: the transfers are a selection, so that others may be missing.
    """
    verdict = Verdict(unsealed=trail.unsealed())
    links = trail.links()
    blank = 0
    while some := list(islice(links, _AT_ONCE)):
        ids = [link.transfer for link in some if link.transfer is not None]
        latest, rows = trail.latest(ids), trail.rows(ids)
        for link in some:
            if link_of(verdict.newest, link) != link.chain:
                verdict.tell(
                    f"link {link.pk} does not follow from the one before: it was changed, or one is gone"
                )
            verdict.newest = link.chain
            verdict.seen = verdict.seen or link.chain == known
            if link.transfer is None:
                if link.kind == "prune":
                    verdict.deleted += link.count
                    before = datetime.fromisoformat(link.text.removeprefix("before "))
                    verdict.pruned_before = max(before, verdict.pruned_before or before)
                verdict.forgotten += link.count if link.kind == "forget" else 0
            elif latest[link.transfer] != link.pk:
                verdict.again += 1
            else:
                verdict.sealed += 1
                row = rows.get(link.transfer)
                if row is None:
                    verdict.missing += 1
                else:
                    blank += not link.person_salt
                    if not trail.waits(row):
                        _compare(link, row, verdict)
    _balance(verdict, trail, blank, known, part=part)
    _recount(verdict, trail)
    return verdict


def _recount(verdict: Verdict, trail: Trail) -> None:
    for download, transfers in trail.downloads():
        verdict.downloads += 1
        if said := ", ".join(differences(download, transfers, verdict.pruned_before)):
            verdict.tell(f"download {download['id']} is not what its transfers say: {said}")
    if without := trail.without_download(verdict.pruned_before):
        verdict.tell(f"{without} transfers gave bytes and belong to no download")


def _balance(verdict: Verdict, trail: Trail, blank: int, known: str, *, part: bool) -> None:
    if verdict.missing > verdict.deleted and not part:
        verdict.tell(f"{verdict.missing - verdict.deleted} transfers are gone that `prune` did not delete")
    if blank > verdict.forgotten:
        verdict.tell(f"{blank - verdict.forgotten} transfers were pseudonymised, but not by `forget`")
    if without := trail.without_link():
        verdict.tell(f"{without} transfers say that they are sealed and are not")
    if known and not verdict.seen:
        verdict.tell(f"the link {known} is not in the chain: it was made anew, or cut before that link")


def _compare(link: Seal, row: Mapping[str, Any], verdict: Verdict) -> None:
    if digest([row[name] for name in CONTENT]) != link.content:
        verdict.tell(f"transfer {link.transfer} was changed")
    if link.person_salt and digest([link.person_salt, *(row[name] for name in PERSON)]) != link.person:
        verdict.tell(f"the person of transfer {link.transfer} was changed")
    if link.address_salt and digest([link.address_salt, row["ip"]]) != link.address:
        verdict.tell(f"the address of transfer {link.transfer} was changed")
