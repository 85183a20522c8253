"""Whether a trail is what it was: its chain is walked from the first link, and each link compared with its transfer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from xaccel.audit.chain.chain import FIRST, content_of, link_of
from xaccel.audit.chain.halves import has_address, has_person, is_half
from xaccel.audit.chain.recount import differences
from xaccel.audit.models import Seal

_AT_ONCE = 2000


class Trail(Protocol):
    """Where links and transfers come from."""

    def links(self) -> Iterator[Seal]:
        """Return the links in their order."""

    def latest(self, transfers: list[UUID]) -> dict[UUID | None, int]:
        """Return the newest link of each of these transfers, by its number."""

    def forgotten(self, transfers: list[UUID]) -> set[UUID | None]:
        """Return those of these transfers that were pseudonymised."""

    def rows(self, transfers: list[UUID]) -> dict[UUID, Mapping[str, Any]]:
        """Return the columns of those of these transfers that are there."""

    def is_older(self, row: Mapping[str, Any]) -> bool:
        """Tell whether `row` may have been read before it was sealed."""

    def without_link(self) -> int:
        """Return how many transfers say that they are sealed and have no link."""

    def waiting(self) -> int:
        """Return how many transfers wait for their line, or to be sealed."""

    def never_sealed(self) -> int:
        """Return how many transfers are over, have no link and await none."""

    def downloads(self) -> Iterator[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
        """Return each download and its transfers, with the columns that `recount` names."""

    def without_download(self, since: datetime | None) -> int:
        """Return how many transfers gave bytes and belong to no download that is there, of those that ended `since`."""


@dataclass(slots=True)
class Verdict:
    """What `verify` found.

    missing: sealed transfers that are not there. deleted, forgotten: how many the chain says were pruned, or
    pseudonymised; pruned_before, dropped_before: the latest such time of transfers and of addresses. waiting: transfers
    that wait for their line, or to be sealed; never_sealed: others without a link. again: links that a later one of
    the same transfer replaced, since its line came late. older: exported before they were sealed, and
    not compared. newest: the last link. downloads: how many were compared with their transfers.
    problems: the first of them, in words; many: how many in all.
    """

    sealed: int = 0
    missing: int = 0
    deleted: int = 0
    forgotten: int = 0
    pruned_before: datetime | None = None
    dropped_before: datetime | None = None
    downloads: int = 0
    waiting: int = 0
    never_sealed: int = 0
    again: int = 0
    older: int = 0
    newest: str = FIRST
    many: int = 0
    problems: list[str] = field(default_factory=list)
    seen: bool = False

    def tell(self, problem: str) -> None:
        """Count a problem; the first twenty are kept."""
        self.many += 1
        if len(self.problems) < 20:
            self.problems.append(problem)


_EVER, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class _Walk:
    """The state between one link and the next.

    oldest: when the first of the transfers that are there was decided. newest_missing: when the last of those that are
    not there was, in the milliseconds of its id. newest_dropped: when the last of those that lost their address ended.
    """

    def __init__(self, trail: Trail, known: str) -> None:
        self.trail, self.known = trail, known
        self.verdict = Verdict(waiting=trail.waiting(), never_sealed=trail.never_sealed())
        self.oldest, self.newest_missing, self.newest_dropped = _NEVER, 0, _EVER

    def take(self, links: list[Seal]) -> None:
        ids = [link.transfer for link in links if link.transfer is not None]
        latest, rows, forgotten = self.trail.latest(ids), self.trail.rows(ids), self.trail.forgotten(ids)
        for link in links:
            self._follow(link)
            if link.kind == "forget":
                self.verdict.forgotten += 1
            elif link.kind != "transfer" or link.transfer is None:
                self._note(link)
            else:
                is_last, row = latest[link.transfer] == link.pk, rows.get(link.transfer)
                self._count(link.transfer, row, is_last=is_last)
                if row is not None:
                    self._compare(link, row, is_last=is_last, forgotten=link.transfer in forgotten)

    def _count(self, transfer: UUID, row: Mapping[str, Any] | None, *, is_last: bool) -> None:
        if row is not None:
            # from its first link on: a second one behind a note of `prune` is no excuse for being there
            self.oldest = min(self.oldest, row["decided_at"] or row["ended_at"] or _NEVER)
        if not is_last:
            self.verdict.again += 1
            return
        self.verdict.sealed += 1
        if row is None:
            self.verdict.missing += 1
            self.newest_missing = max(self.newest_missing, transfer.int >> 80)

    def _follow(self, link: Seal) -> None:
        if link_of(self.verdict.newest, link) != link.chain:
            self.verdict.tell(
                f"link {link.pk} does not follow from the one before: it was changed, or one is gone"
            )
        self.verdict.newest = link.chain
        self.verdict.seen = self.verdict.seen or link.chain == self.known

    def _note(self, link: Seal) -> None:
        try:
            before = datetime.fromisoformat(link.text.removeprefix("before ")).astimezone(UTC)
        except (ValueError, OverflowError):
            before = _EVER
        if link.kind not in {"prune", "addresses"} or before == _EVER:
            self.verdict.tell(f"link {link.pk} is none of this version")
        elif link.kind == "addresses":
            self.verdict.dropped_before = max(before, self.verdict.dropped_before or before)
        else:
            self._pruned(link, before)

    def _pruned(self, link: Seal, before: datetime) -> None:
        self.verdict.deleted += link.count
        self.verdict.pruned_before = max(before, self.verdict.pruned_before or before)
        if self.oldest < before:
            self.verdict.tell(
                f"transfers of before {before.isoformat()} are there that link {link.pk} says were deleted:"
                " `prune` was broken off, or it deleted nothing"
            )
            self.oldest = _NEVER

    def _compare(self, link: Seal, row: Mapping[str, Any], *, is_last: bool, forgotten: bool) -> None:
        if content_of(row) == link.content:
            if not is_last:
                self.verdict.tell(f"transfer {link.transfer} was sealed again though nothing came late")
            self._compare_person(link, row, forgotten=forgotten)
            self._compare_address(link, row, forgotten=forgotten)
            return
        may_be_half = not is_last or not row["sealed"]
        if may_be_half and is_half(link, row, forgotten=forgotten):
            return
        if not is_last:
            self.verdict.tell(f"transfer {link.transfer} was changed and sealed again")
            return
        if self.trail.is_older(row):
            self.verdict.older += 1
        else:
            self.verdict.tell(f"transfer {link.transfer} was changed")
        self._compare_person(link, row, forgotten=forgotten)

    def _compare_person(self, link: Seal, row: Mapping[str, Any], *, forgotten: bool) -> None:
        if not link.person_salt and not forgotten:
            self.verdict.tell(f"the person of transfer {link.transfer} was taken out, but not by `forget`")
        elif not has_person(link, row):
            self.verdict.tell(f"the person of transfer {link.transfer} was changed")

    def _compare_address(self, link: Seal, row: Mapping[str, Any], *, forgotten: bool) -> None:
        if not has_address(link, row):
            self.verdict.tell(f"the address of transfer {link.transfer} was changed")
        elif not link.address_salt and not forgotten:
            self.newest_dropped = max(self.newest_dropped, row["ended_at"] or _NEVER)

    def balance(self, *, part: bool) -> None:
        """Compare what is gone with what the chain says of it."""
        verdict = self.verdict
        dropped = verdict.dropped_before or _EVER
        if not part:
            self._balance_missing()
        if self.newest_dropped > _EVER and self.newest_dropped >= dropped:
            verdict.tell("addresses are gone that neither `prune` nor `forget` removed")
        if without := self.trail.without_link():
            verdict.tell(f"{without} transfers say that they are sealed and are not")
        if self.known and not verdict.seen:
            verdict.tell(
                f"the link {self.known} is not in the chain: it was made anew, or cut before that link"
            )

    def _balance_missing(self) -> None:
        verdict = self.verdict
        pruned = verdict.pruned_before or _EVER
        if verdict.missing > verdict.deleted:
            verdict.tell(
                f"{verdict.missing - verdict.deleted} transfers are gone that `prune` did not delete"
            )
        elif verdict.missing < verdict.deleted:
            verdict.tell(
                f"{verdict.deleted - verdict.missing} transfers are there that the chain says `prune` deleted"
            )
        elif verdict.missing and self.newest_missing >= pruned.timestamp() * 1000:
            verdict.tell(
                f"transfers are gone that are not of before {pruned.isoformat()}, as those of `prune` are"
            )


def verify(trail: Trail, *, known: str = "", part: bool = False) -> Verdict:
    """Walk the chain of `trail`, and compare it with the transfers.

    known: a link that must be in it. part: the transfers are a selection, so that others may be missing.
    """
    walk, links = _Walk(trail, known), trail.links()
    while some := list(islice(links, _AT_ONCE)):
        walk.take(some)
    walk.balance(part=part)
    _recount(walk.verdict, trail)
    return walk.verdict


def _recount(verdict: Verdict, trail: Trail) -> None:
    for download, transfers in trail.downloads():
        verdict.downloads += 1
        if said := ", ".join(differences(download, transfers, verdict.pruned_before)):
            verdict.tell(f"download {download['id']} is not what its transfers say: {said}")
    if without := trail.without_download(verdict.pruned_before):
        verdict.tell(f"{without} transfers gave bytes and belong to no download")
