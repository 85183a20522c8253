"""Questions of the benchmark and their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.measure.spread import Spread

Size = Literal["full", "quick", "smoke"]
Cell = str | int | float | Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A promise and what was measured of it.

    timed: it is about time, so that a slow machine may miss it without anything being broken.
    at_least: `limit` is the least, not the most.
    """

    what: str
    limit: float
    measured: float
    unit: str
    timed: bool = True
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; the first cell of a row names the contender. `note` says how it was measured.

    plot: the number of the column, from 0, that a picture of this table shows; None: there is no picture.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    targets: tuple[Target, ...] = ()
    plot: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A file of this package asks one.

    answer: runs in a process of its own. It checks what every contender made, also at the size "smoke", and raises
        WrongAnswer when something was not right.
    alone: other processes beside it would change what it counts, also at the size "smoke".
    """

    asks: str
    answer: Callable[[Size], Sequence[Table]]
    alone: bool = False


class WrongAnswer(Exception):
    """A contender did not do what it was timed for, so its time means nothing."""


def require(right: bool, what: str) -> None:
    """Raise WrongAnswer, with `what` was wrong, unless `right`."""
    if not right:
        raise WrongAnswer(what)
