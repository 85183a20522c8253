"""The checks of the doctor, and their results: the table checks.toml, and the functions that look."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

from xaccel.errors import XaccelError
from xaccel.tools.doctor.running_site import RunningSite, Skipped

Status = Literal["ok", "fail", "warn", "skipped", "unknown"]
Where = Literal["NGINX's host", "the app's host", "anywhere"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was seen. status: None for the usual one of the check. remedy: empty for that of the check.

    check: the id, where a function looks for several checks; empty: for each of them.
    """

    text: str
    status: Status | None = None
    remedy: str = ""
    check: str = ""


Look = Callable[[RunningSite], Iterable[str | Evidence]]
_Look = TypeVar("_Look", bound=Look)
PAGE = "reference/doctor-checks.html"
TABLE = Path(__file__).with_name("checks.toml")
MODULES = (
    *("configuration", "ask_origins", "named_object", "archives", "uploads", "grants"),
    *("log_and_disk", "front", "download", "error_log"),
)
"""Those of this package that have checks. `module` in the table names others, which need Django."""
_TABLE: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
REMEDIES: Mapping[str, str] = _TABLE["remedies"]
"""Those of evidence, where a check has several."""
MESSAGES: Mapping[str, str] = {name: row["messages"] for name, row in _TABLE.items() if "messages" in row}
"""The expression for what NGINX's error log says, by the check that it fails."""
_AREAS = ("settings", "on disk", "in memory", "origins", "log and disk", "download", "by hand", "error log")
"""In the order of the first digit of the ids; XA7 are the checks of `xaccel lint`."""
_OF_NGINX = "258"
"""The digits of those on NGINX's host."""
_SETTINGS, _PROGRAM = "XA101", "XA201"
_looks: dict[str, Look] = {}
SCHEMA_VERSION = 1
CLEAN, FAILED, NOT_LOOKED = 0, 1, 2
_ORDER: tuple[Status, ...] = ("fail", "unknown", "warn", "skipped", "ok")
"""The worst first."""
_ENDS, _BAD = _ORDER[:2], _ORDER[:3]


def check(*ids: str) -> Callable[[_Look], _Look]:
    """Register a function for checks of checks.toml. It yields evidence of faults, none on a healthy site.

    A function for several checks looks once for all of them, and each evidence names its check. The function raises
    Skipped where there is nothing to look at. Any other error makes the status `unknown`.
    """

    def registered(look: _Look) -> _Look:
        _looks.update(dict.fromkeys(ids, look))
        return look

    return registered


def remedy_for(text: str) -> str:
    """Return the remedy for a message of NGINX or a response of the app; empty: none is known."""
    by_words = _TABLE["remedies_by_words"].items()
    return next((REMEDIES[name] for words, name in by_words if re.search(words, text)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question about a running site.

    title: the state of a healthy site. failure: what is wrong otherwise. needs: checks whose failure leaves nothing to
    look at here. after: checks whose failure can make this one fail too. worst: the status of the evidence that `look`
    yields, which is none on a healthy site. consequence, remedy: empty where only the evidence can say it. module: of
    `look`, where it needs Django. messages: as in MESSAGES.
    """

    id: str
    title: str
    failure: str
    where: Where
    needs: Sequence[str] = ()
    after: Sequence[str] = ()
    consequence: str = ""
    remedy: str = ""
    worst: Status = "fail"
    module: str = ""
    messages: str = ""
    look: Look = field(repr=False)

    @property
    def area(self) -> str:
        """The group of checks that it belongs to."""
        return _AREAS[int(self.id[2]) - 1]

    def explains(self, status: Status | None) -> bool:
        """Tell whether consequence and remedy belong to a status: those of an unexpected `unknown` are not known."""
        return status != "unknown" or self.worst == "unknown"

    def text(self) -> str:
        """Return what `xaccel doctor explain` prints, which is the section of the documentation too."""
        needs = ", ".join(name for name in self.needs if name not in (_SETTINGS, _PROGRAM))
        paragraphs = (
            f"{self.title}. Otherwise: {self.failure}.",
            f"Area: {self.area}. Where it runs: {self.where}. Status otherwise: {self.worst}.",
            f"Skipped if one of these fails: {needs}." if needs else "",
            f"May follow from: {self._causes()}." if self.after else "",
            f"Consequence: {self.consequence}" if self.consequence else "",
            f"Remedy: {self.remedy}" if self.remedy else "",
        )
        filled = (textwrap.fill(text, 118, break_on_hyphens=False) for text in paragraphs if text)
        return "\n\n".join(filled) + "\n"

    def _causes(self) -> str:
        row = _TABLE[self.id]
        again = [f"the causes of {row['repeats']}"] if "repeats" in row else []
        return ", ".join([*row.get("after", ()), *again])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check. because: the failed check that this one needs, or may follow from."""

    check: Check
    status: Status
    evidence: tuple[str, ...]
    consequence: str
    remedy: str
    because: str = ""

    @property
    def mark(self) -> str:
        """The status of a report: `follows` for what may have the cause of another failure."""
        return "follows" if self.because and self.is_bad else self.status

    @property
    def is_bad(self) -> bool:
        """True if the report shows it, as a cause or as a consequence of one."""
        return self.status in _BAD

    def as_json(self) -> dict[str, Any]:
        """Return the values for `--json`."""
        return {
            **{name: getattr(self.check, name) for name in ("id", "area", "title", "failure", "where")},
            "consequence": self.consequence,
            "remedy": self.remedy,
            "depends_on": [*self.check.needs, *self.check.after],
            "status": self.status,
            "evidence": list(self.evidence),
            "hidden_by": self.because or None,
            "page": f"{PAGE}#{self.check.id.lower()}",
        }


def checks() -> tuple[Check, ...]:
    """Return all checks of a running site. They depend on the first one, which reads the settings."""
    for name in MODULES:
        import_module(f"xaccel.tools.doctor.{name}")
    found = []
    for name, row in _TABLE.items():
        if not name.startswith("XA"):
            continue
        where = row.get("where", "NGINX's host" if name[2] in _OF_NGINX else "anywhere")
        needed = (_SETTINGS, *([_PROGRAM] if where == "NGINX's host" else []))
        needs = (*(one for one in needed if one < name), *row.get("needs", ()))
        again = _TABLE[row["repeats"]]["after"] if "repeats" in row else ()
        after = tuple(dict.fromkeys((*row.get("after", ()), *again)))
        look = partial(_look_in, row["module"], name) if "module" in row else _looks[name]
        fields = {key: value for key, value in row.items() if key != "repeats"}
        found.append(
            Check(**{**fields, "id": name, "where": where, "needs": needs, "after": after, "look": look})
        )
    return tuple(found)


def _look_in(module: str, name: str, stack: RunningSite) -> Iterable[str | Evidence]:
    """Look with a function that only now is imported."""
    import_module(module)
    return _looks[name](stack)


def examine(
    checks: Sequence[Check],
    stack: RunningSite,
    *,
    only: Collection[str] = (),
    watch: Callable[[Check], object] = lambda _: None,
) -> tuple[Finding, ...]:
    """Make the checks; with `only` these and those that they depend on.

    watch: called before each check.
    """
    wanted, found = set(only or (each.id for each in checks)), dict[str, Finding]()
    seen: dict[Look, list[Evidence]] = {}
    for each in reversed(checks):  # causes come before
        wanted |= {*each.needs, *each.after} if each.id in wanted else set()
    for each in checks:
        if each.id in wanted:
            watch(each)
            found[each.id] = _result(each, stack, found, seen)
    for name in only:  # a check that somebody asked for, and that could not run, has proved nothing
        if found[name].status == "skipped" and not found[name].because:
            found[name] = replace(found[name], status="unknown", remedy="")
    return tuple(
        result
        for name, result in found.items()
        if not only or name in only or result.status in ("fail", "unknown")
    )


def exit_status(results: Sequence[Finding], *, strict: bool) -> int:
    """Return the exit status: 1 for a failure, 2 if a check could not run. `strict`: warnings fail."""
    seen = {result.status for result in results if not result.because}
    if "fail" in seen or (strict and "warn" in seen):
        return FAILED
    return NOT_LOOKED if "unknown" in seen else CLEAN


def _result(
    each: Check, stack: RunningSite, before: Mapping[str, Finding], looked: dict[Look, list[Evidence]]
) -> Finding:
    needed = (before[name] for name in each.needs)
    ended = [one for one in needed if one.status in _ENDS or (one.because and one.status == "skipped")]
    seen = [] if ended else _look(each, stack, looked)
    status: Status = min((one.status or each.worst for one in seen), key=_ORDER.index, default="ok")
    causes = ended
    if status in _BAD:
        # a need that was not looked at may have a cause itself; one that passed has none
        unseen = (need for need in each.needs if before[need].status == "skipped")
        names = [*each.after, *(name for need in unseen for name in before[need].check.after)]
        earlier = (before[name] for name in names if name in before)
        causes = [one for one in earlier if one.because or one.status in _ENDS]
    own = each.remedy if each.explains(status) else ""
    remedies = [one.remedy or (each.remedy if each.explains(one.status) else "") for one in seen]
    return Finding(
        check=each,
        status="skipped" if ended else status,
        evidence=tuple(stack.shown(one.text) for one in seen),
        consequence=each.consequence if each.explains(status) else "",
        remedy=" ".join(dict.fromkeys(stack.shown(text) for text in remedies if text)) or own,
        because=next((one.because or one.check.id for one in causes), ""),
    )


def _look(each: Check, stack: RunningSite, looked: dict[Look, list[Evidence]]) -> list[Evidence]:
    """Return what there is to see for a check. A function of several checks looks only for the first one."""
    try:
        stack.require(each.where)
    except Skipped as reason:
        return [Evidence(str(reason), "skipped")]
    if each.look not in looked:
        seen = looked[each.look] = []
        try:
            with stack.patience():
                for one in each.look(stack):
                    seen.append(one if isinstance(one, Evidence) else Evidence(one))
        except Skipped as reason:
            seen.append(Evidence(str(reason), "skipped"))
        except Exception as error:  # noqa: BLE001  (a check that breaks must not end the others)
            name = type(error).__name__
            text = str(error) if isinstance(error, XaccelError | OSError) else f"{name}: {error}"
            seen.append(Evidence(text or name, "unknown"))
    return [one for one in looked[each.look] if one.check in ("", each.id)]
