"""The page of the repository's own commands."""

from __future__ import annotations

from docs.generated.commands import arguments


def demo() -> str:
    """Return the table of the demo's arguments."""
    from portal.demo.options import _parser

    return arguments(_parser())


def bench() -> str:
    """Return the table of the questions of the benchmark."""
    from benchmarks.__main__ import QUESTIONS, question

    rows = ["| Question | What it asks |", "|---|---|"]
    rows += [f"| `{name}` | {question(name).asks} |" for name in QUESTIONS]
    return "\n".join(rows) + "\n"
