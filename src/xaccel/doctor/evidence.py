"""The result of one look: evidence, or why there was nothing to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "fail", "warn", "skipped", "unknown"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was seen. status: None for the usual one of the check. remedy: empty for that of the check.

    check: the id, where a function looks for several checks; empty: for each of them.
    """

    text: str
    status: Status | None = None
    remedy: str = ""
    check: str = ""


class Skipped(Exception):
    """A check cannot be made here, or there is nothing to look at. The message says why."""
