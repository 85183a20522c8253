"""The checks of the doctor, and their results: the table checks.toml, and the functions that look."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from xaccel.errors import XaccelError

if TYPE_CHECKING:
    from xaccel.doctor.running_site import RunningSite

Status = Literal["ok", "fail", "warn", "skipped", "unknown"]
Where = Literal["NGINX's host", "the app's host", "anywhere"]
Look = Callable[["RunningSite"], Iterable["str | Evidence"]]
PAGE = "operate/doctor.html"
TABLE = Path(__file__).with_name("checks.toml")
_BY_HAND = "XA700"
_AREAS = ("settings", "on disk", "in memory", "origins", "log and disk", "download", "by hand")
"""In the order of the first digit of the ids."""
_MODULES = ("configuration", "ask_origins", "log_and_disk", "download", "by_hand")
_looks: dict[str, Look] = {}
_SHOWN = ("id", "area", "title", "where", "consequence", "remedy")
SCHEMA_VERSION = 1
CLEAN, FAILED, NOT_LOOKED = 0, 1, 2
_ORDER: tuple[Status, ...] = ("fail", "unknown", "warn", "skipped", "ok")
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was seen. status: None for the usual one of the check."""

    text: str
    status: Status | None = None


class Skipped(Exception):
    """A check cannot be made here, or there is nothing to look at. The message says why."""


def check(number: int) -> Callable[[Look], Look]:
    """Make a function the one that looks for a check of checks.toml. It yields evidence of what is wrong.

    It raises Skipped where there is nothing to look at. Any other error makes the status `unknown`.
    """

    def registered(look: Look) -> Look:
        _looks[f"XA{number}"] = look
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
        causes = ", ".join(name for name in self.after if name != "XA101")
        paragraphs = (
            f"{self.title}.",
            f"Area: {self.area}. Where it runs: {self.where}. Status otherwise: {self.worst}.",
            f"Not reported if one of these fails: {causes}." if causes else "",
            f"Consequence: {self.consequence}",
            f"Remedy: {self.remedy}",
        )
        filled = (textwrap.fill(text, 118, break_on_hyphens=False) for text in paragraphs if text)
        return "\n\n".join(filled) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check. because: the check whose failure hides this one. accepted: why it is tolerated."""

    check: Check
    status: Status
    evidence: tuple[str, ...] = ()
    because: str = ""
    accepted: str = ""

    @property
    def mark(self) -> str:
        """The status of a report."""
        return "accepted" if self.accepted else self.status

    @property
    def is_bad(self) -> bool:
        """True for what is reported."""
        return self.status in ("fail", "warn", "unknown")

    def as_json(self) -> dict[str, Any]:
        """Return the values for `--json`."""
        return {
            **{name: getattr(self.check, name) for name in _SHOWN},
            "depends_on": list(self.check.after),
            "status": self.status,
            "evidence": list(self.evidence),
            "hidden_by": self.because or None,
            "accepted": self.accepted or None,
            "page": f"{PAGE}#{self.check.id.lower()}",
        }


def checks(*, by_hand: bool = False) -> tuple[Check, ...]:
    """Return the checks that this process can make. All depend on the first one, which reads the settings.

    by_hand: those for a configuration without xaccel, which need no settings.
    """
    for name in _MODULES:
        import_module(f"xaccel.doctor.{name}")
    first = min(_rows())
    return tuple(
        Check(
            id=name,
            area=_AREAS[int(name[2]) - 1],
            look=_looks[name],
            **{**row, "after": (*(() if by_hand or name == first else (first,)), *row.get("after", ()))},
        )
        for name, row in _rows().items()
        if name in _looks and (name >= _BY_HAND) == by_hand
    )


@cache
def _rows() -> dict[str, dict[str, Any]]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def examine(
    checks: Sequence[Check],
    stack: RunningSite,
    *,
    only: Collection[str] = (),
    accepted: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Finding, ...]:
    """Make the checks; with `only` these and those that they depend on. accepted: why one is tolerated, by id."""
    wanted, found = set(only or (each.id for each in checks)), dict[str, Finding]()
    for each in reversed(checks):  # causes come before
        wanted |= {*each.after} if each.id in wanted else set()
    for each in checks:
        if each.id in wanted:
            result = _result(each, stack, found)
            reason = accepted.get(each.id, "") if result.status in ("fail", "warn") else ""
            found[each.id] = replace(result, accepted=reason)
    return tuple(
        result
        for name, result in found.items()
        if not only or name in only or result.status in ("fail", "unknown")
    )


def exit_status(results: Sequence[Finding], *, strict: bool) -> int:
    """Return the exit status: 1 for a failure, 2 if a check could not run. `strict`: warnings fail."""
    seen = {result.status for result in results if not result.accepted}
    if "fail" in seen or (strict and "warn" in seen):
        return FAILED
    return NOT_LOOKED if "unknown" in seen else CLEAN


def _result(each: Check, stack: RunningSite, before: Mapping[str, Finding]) -> Finding:
    for name in each.after:
        cause = before[name]
        if cause.because or cause.status in ("fail", "unknown"):
            return Finding(check=each, status="skipped", because=cause.because or name)
    seen: list[Evidence] = []
    try:
        stack.require(each.where)
        seen += (one if isinstance(one, Evidence) else Evidence(one) for one in each.look(stack))
    except Skipped as reason:
        seen = [Evidence(str(reason), "skipped")]
    except Exception as error:  # noqa: BLE001  (a check that breaks must not end the others)
        text = str(error) if isinstance(error, XaccelError | OSError) else f"{type(error).__name__}: {error}"
        seen = [Evidence(text, "unknown")]
    status: Status = min((one.status or each.worst for one in seen), key=_ORDER.index, default="ok")
    return Finding(check=each, status=status, evidence=tuple(stack.shown(one.text) for one in seen))
