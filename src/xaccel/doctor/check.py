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
from typing import Any, Literal

from xaccel.doctor.evidence import Evidence, Skipped, Status
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import XaccelError

Where = Literal["NGINX's host", "the app's host", "anywhere"]
Look = Callable[[RunningSite], Iterable[str | Evidence]]
PAGE = "operate/doctor.html"
TABLE = Path(__file__).with_name("checks.toml")
_SETTINGS, _PROGRAM, _BY_HAND = "XA101", "XA201", "XA7"
_AREAS = ("settings", "on disk", "in memory", "origins", "log and disk", "download", "by hand", "error log")
"""In the order of the first digit of the ids."""
_MODULES = ("configuration", "ask_origins", "log_and_disk", "download", "by_hand", "error_log")
_looks: dict[str, Look] = {}
_SHOWN = ("id", "area", "title", "where")
SCHEMA_VERSION = 1
CLEAN, FAILED, NOT_LOOKED = 0, 1, 2
_ORDER: tuple[Status, ...] = ("fail", "unknown", "warn", "skipped", "ok")
"""The worst first."""
_ENDS, _BAD = _ORDER[:2], _ORDER[:3]


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

    title: what is so on a healthy site. needs: checks whose failure leaves nothing to look at here. after: checks whose
    failure can make this one fail too. worst: the status of the evidence that `look` yields, which is none on a healthy
    site. consequence, remedy: empty where only the evidence can say it.
    """

    id: str
    area: str
    title: str
    where: Where
    needs: tuple[str, ...]
    after: tuple[str, ...] = ()
    consequence: str = ""
    remedy: str = ""
    worst: Status = "fail"
    look: Look = field(repr=False)

    def text(self) -> str:
        """Return what `xaccel doctor explain` prints, which is the section of the documentation too."""
        needs = ", ".join(name for name in self.needs if name not in (_SETTINGS, _PROGRAM))
        paragraphs = (
            f"{self.title}.",
            f"Area: {self.area}. Where it runs: {self.where}. Status otherwise: {self.worst}.",
            f"Skipped if one of these fails: {needs}." if needs else "",
            f"May follow from: {', '.join(self.after)}." if self.after else "",
            f"Consequence: {self.consequence}" if self.consequence else "",
            f"Remedy: {self.remedy}" if self.remedy else "",
        )
        filled = (textwrap.fill(text, 118, break_on_hyphens=False) for text in paragraphs if text)
        return "\n\n".join(filled) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    because: the failed check that this one needs, or may follow from. remedies: of the evidence. accepted: why it is
    tolerated.
    """

    check: Check
    status: Status
    evidence: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    because: str = ""
    accepted: str = ""

    @property
    def mark(self) -> str:
        """The status of a report: `follows` for what may have the cause of another failure."""
        follows = "follows" if self.because and self.is_bad else self.status
        return "accepted" if self.accepted else follows

    @property
    def is_bad(self) -> bool:
        """True for what is reported, as a cause or as what may follow from one."""
        return self.status in _BAD

    @property
    def consequence(self) -> str:
        """The consequence of a failure; empty where the check could not look."""
        return "" if self._is_open else self.check.consequence

    @property
    def remedy(self) -> str:
        """The remedies of the evidence, else that of the check."""
        return " ".join(self.remedies) or ("" if self._is_open else self.check.remedy)

    @property
    def _is_open(self) -> bool:
        return self.status == "unknown" != self.check.worst

    def as_json(self) -> dict[str, Any]:
        """Return the values for `--json`."""
        return {
            **{name: getattr(self.check, name) for name in _SHOWN},
            "consequence": self.consequence,
            "remedy": self.remedy,
            "depends_on": [*self.check.needs, *self.check.after],
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
    return tuple(
        Check(
            id=name,
            area=_AREAS[int(name[2]) - 1],
            look=_looks[name],
            **{**row, "needs": (*(() if by_hand else _needs(name, row["where"])), *row.get("needs", ()))},
        )
        for name, row in _rows().items()
        if name in _looks and name.startswith(_BY_HAND) == by_hand
    )


def _needs(name: str, where: str) -> tuple[str, ...]:
    needed = (_SETTINGS, *([_PROGRAM] if where == "NGINX's host" else []))
    return tuple(each for each in needed if each < name)


def remedy_of(number: int) -> str:
    """Return the remedy of another check."""
    return str(_rows()[f"XA{number}"]["remedy"])


@cache
def _rows() -> dict[str, dict[str, Any]]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def examine(
    checks: Sequence[Check],
    stack: RunningSite,
    *,
    only: Collection[str] = (),
    accepted: Mapping[str, str] = MappingProxyType({}),
    watch: Callable[[Check, Finding | None], object] = lambda *_: None,
) -> tuple[Finding, ...]:
    """Make the checks; with `only` these and those that they depend on. accepted: why one is tolerated, by id.

    watch: called before each check, and after it with its result.
    """
    wanted, found = set(only or (each.id for each in checks)), dict[str, Finding]()
    for each in reversed(checks):  # causes come before
        wanted |= {*each.needs, *each.after} if each.id in wanted else set()
    for each in checks:
        if each.id in wanted:
            watch(each, None)
            result = _result(each, stack, found)
            reason = accepted.get(each.id, "") if result.status in ("fail", "warn") else ""
            found[each.id] = replace(result, accepted=reason)
            watch(each, found[each.id])
    return tuple(
        result
        for name, result in found.items()
        if not only or name in only or result.status in ("fail", "unknown")
    )


def exit_status(results: Sequence[Finding], *, strict: bool) -> int:
    """Return the exit status: 1 for a failure, 2 if a check could not run. `strict`: warnings fail."""
    seen = {result.status for result in results if not result.accepted and not result.because}
    if "fail" in seen or (strict and "warn" in seen):
        return FAILED
    return NOT_LOOKED if "unknown" in seen else CLEAN


def _result(each: Check, stack: RunningSite, before: Mapping[str, Finding]) -> Finding:
    for name in each.needs:
        cause = before[name]
        if cause.status in _ENDS or (cause.because and cause.status == "skipped"):
            return Finding(check=each, status="skipped", because=cause.because or name)
    seen: list[Evidence] = []
    try:
        stack.require(each.where)
        with stack.patience():
            for one in each.look(stack):
                seen.append(one if isinstance(one, Evidence) else Evidence(one))
    except Skipped as reason:
        seen.append(Evidence(str(reason), "skipped"))
    except Exception as error:  # noqa: BLE001  (a check that breaks must not end the others)
        text = str(error) if isinstance(error, XaccelError | OSError) else f"{type(error).__name__}: {error}"
        seen.append(Evidence(text or type(error).__name__, "unknown"))
    status: Status = min((one.status or each.worst for one in seen), key=_ORDER.index, default="ok")
    causes = [one for one in map(before.get, each.after) if one and (one.because or one.status in _ENDS)]
    because = next((one.because or one.check.id for one in causes), "") if status in _BAD else ""
    return Finding(
        check=each,
        status=status,
        evidence=tuple(stack.shown(one.text) for one in seen),
        remedies=tuple(dict.fromkeys(stack.shown(text) for one in seen if (text := _remedy(each, one)))),
        because=because,
    )


def _remedy(each: Check, seen: Evidence) -> str:
    return seen.remedy or ("" if seen.status == "unknown" != each.worst else each.remedy)
