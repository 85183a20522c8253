"""The result of one request of the check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.demo.check.scene import Scene


@dataclass(frozen=True, slots=True)
class Answer:
    """check: a short name, used by failures.py. seen: a sentence about the responses."""

    check: str
    ok: bool
    seen: str


Question = Callable[["Scene"], Iterator[Answer]]


def verdict(check: str, problems: list[str], good: str) -> Answer:
    """Return a good result if there are no problems, and otherwise one with the first problem."""
    if not problems:
        return Answer(check, True, good)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Answer(check, False, problems[0] + more)
