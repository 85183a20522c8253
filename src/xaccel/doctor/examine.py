"""Make the checks in order: go on after a failure, and hide what follows from one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from xaccel.doctor.check import Check, Evidence, Finding, Skipped, Status
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import OptionRefused, XaccelError

SCHEMA_VERSION = 1
CLEAN, FAILED, NOT_LOOKED = 0, 1, 2
_ORDER: tuple[Status, ...] = ("fail", "unknown", "warn", "skipped", "ok")
"""The worst first."""
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that is tolerated up to a day."""

    id: str
    reason: str
    until: date

    @property
    def text(self) -> str:
        """The sentence of the report."""
        return f"{self.reason} (until {self.until})"


def examine(
    checks: Sequence[Check],
    stack: RunningSite,
    *,
    only: Collection[str] = (),
    accepted: Sequence[Accepted] = (),
) -> tuple[Finding, ...]:
    """Make the checks; with `only` these and those that they depend on.

    Raises OptionRefused for an id that there is not.
    """
    known = {each.id: each for each in checks}
    require_known([*only, *(each.id for each in accepted)], known)
    wanted, found = set(only or known), dict[str, Finding]()
    for each in reversed(checks):  # causes come before
        wanted |= {*each.after} if each.id in wanted else set()
    for each in checks:
        if each.id in wanted:
            found[each.id] = _result(each, stack, found)
    tolerated = {each.id: each for each in accepted if each.until >= datetime.now(UTC).date()}
    return tuple(
        replace(result, accepted=tolerated[name].text)
        if name in tolerated and result.status in ("fail", "warn")
        else result
        for name, result in found.items()
        if not only or name in only or result.status in ("fail", "unknown")
    )


def require_known(ids: Collection[str], known: Collection[str]) -> None:
    """Raise OptionRefused for an id that there is not."""
    for name in ids:
        if name not in known:
            remedy = "Print all checks with `xaccel doctor --list`."
            raise OptionRefused(f"there is no check {name!r}", where="doctor", remedy=remedy)


def wait(look: Callable[[], tuple[Finding, ...]], *, seconds: float, strict: bool) -> tuple[Finding, ...]:
    """Look again until nothing is wrong, or the time has passed."""
    end = time.monotonic() + seconds
    while True:
        results = look()
        if exit_status(results, strict=strict) == CLEAN or time.monotonic() >= end:
            return results
        time.sleep(_PAUSE_S)


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
    if reason := stack.elsewhere(each.where):
        return Finding(check=each, status="skipped", evidence=(reason,))
    seen: list[Evidence] = []
    try:
        seen += (one if isinstance(one, Evidence) else Evidence(one, each.worst) for one in each.look(stack))
    except Skipped as reason:
        seen = [Evidence(str(reason), "skipped")]
    except Exception as error:  # noqa: BLE001  (a check that breaks must not end the others)
        text = str(error) if isinstance(error, XaccelError | OSError) else f"{type(error).__name__}: {error}"
        seen = [Evidence(text, "unknown")]
    status: Status = min((one.status for one in seen), key=_ORDER.index, default="ok")
    return Finding(check=each, status=status, evidence=tuple(stack.shown(one.text) for one in seen))
