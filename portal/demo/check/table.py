"""Print the results as a table."""

from __future__ import annotations

from collections.abc import Iterable

from portal.demo.check.answer import Answer

_WIDTH = 30


def heading() -> str:
    """Return the head of the table."""
    return f"{'check':<{_WIDTH}} {'result':<6}  seen\n{'-' * _WIDTH} ------  {'-' * 60}"


def row(answer: Answer) -> str:
    """Return the row of one result."""
    return f"{answer.check:<{_WIDTH}} {'ok' if answer.ok else 'FAILED':<6}  {answer.seen}"


def summary(answers: Iterable[Answer], seconds: float) -> str:
    """Return the last line."""
    found = list(answers)
    failed = [answer.check for answer in found if not answer.ok]
    last = f"{len(failed)} failed: {', '.join(failed)}" if failed else "all good"
    return f"{len(found)} checks in {seconds:.1f} s, {last}"
