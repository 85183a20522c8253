"""A check of the doctor, and its result."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from xaccel.doctor.running_site import RunningSite

Status = Literal["ok", "fail", "warn", "skipped", "unknown"]
Where = Literal["NGINX's host", "the app's host", "anywhere"]
Look = Callable[["RunningSite"], Iterable["str | Evidence"]]
PAGE = "operate/doctor.html"
LOOKS: dict[str, Look] = {}
"""The functions that look, by the id of the check."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was seen, with its own status."""

    text: str
    status: Status


class Skipped(Exception):
    """A check cannot be made here, or there is nothing to look at. The message says why."""


def check(number: int) -> Callable[[Look], Look]:
    """Make a function the one that looks for a check of checks.toml. It yields evidence of what is wrong.

    It raises Skipped where there is nothing to look at. Any other error makes the status `unknown`.
    """

    def registered(look: Look) -> Look:
        LOOKS[f"XA{number}"] = look
        return look

    return registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question about a running site.

    title: what is so on a healthy site. after: checks whose failure makes this one fail too. worst: the status of the
    evidence that `look` yields, which is none on a healthy site.
    """

    id: str
    area: str
    title: str
    where: Where
    after: tuple[str, ...]
    consequence: str
    remedy: str
    worst: Status = "fail"
    look: Look = field(repr=False)

    def text(self) -> str:
        """Return what `xaccel doctor explain` prints, which is the section of the documentation too."""
        causes = [name for name in self.after if name != "XA101"]
        paragraphs = [
            f"{self.title}.",
            f"Area: {self.area}. Where it runs: {self.where}. Status otherwise: {self.worst}.",
            *([f"Not reported if one of these fails: {', '.join(causes)}."] if causes else []),
            f"Consequence: {self.consequence}",
            f"Remedy: {self.remedy}",
        ]
        return "\n\n".join(textwrap.fill(text, 118, break_on_hyphens=False) for text in paragraphs) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check. because: the check whose failure hides this one. accepted: why it is tolerated."""

    check: Check
    status: Status
    evidence: tuple[str, ...] = ()
    because: str = ""
    accepted: str = ""

    @property
    def is_bad(self) -> bool:
        """True for what is reported."""
        return self.status in ("fail", "warn", "unknown")

    def as_json(self) -> dict[str, Any]:
        """Return the values for `--json`."""
        return {
            **{name: getattr(self.check, name) for name in ("id", "area", "title", "where")},
            "depends_on": list(self.check.after),
            "status": self.status,
            "evidence": list(self.evidence),
            "hidden_by": self.because or None,
            "accepted": self.accepted or None,
            "consequence": self.check.consequence if self.is_bad else None,
            "remedy": self.check.remedy if self.is_bad else None,
            "page": f"{PAGE}#{self.check.id.lower()}",
        }
