"""scripts/bench [--quick | --smoke] [--json FILE] [QUESTION ...]"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import report
from benchmarks.question import Question, Size, Table

QUESTIONS = (
    "handoff",
    "signing",
    "memory",
    "import_cost",
    "small_objects",
    "large_objects",
    "cache_hits",
    "slow_clients",
    "connections",
    "many_origins",
    "ingest",
    "audit_plans",
)
"""The files of this package that ask one, in the order of the report."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the questions and print their tables.

    Returns 1 when a promise that is not about time was broken. A contender that did the wrong thing ends the run with
    its traceback.
    """
    given = _parser().parse_args(arguments)
    size: Size = "smoke" if given.smoke else "quick" if given.quick else "full"
    print(", ".join(f"{name} {value}" for name, value in report.machine().items()), flush=True)
    answers: dict[str, Sequence[Table]] = {}
    for name in given.questions or QUESTIONS:
        start = time.monotonic()
        answers[name] = _alone(name, size)
        for table in answers[name]:
            print(f"\n{report.text(table)}")
        print(f"\n  {name}: {time.monotonic() - start:.0f} s, size {size}", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(report.record(size, answers), indent=1) + "\n", encoding="utf-8")
    broken = [
        target
        for tables in answers.values()
        for table in tables
        for target in table.targets
        if not target.met and not target.timed
    ]
    return 1 if broken else 0


def question(name: str) -> Question:
    """Return what the file called `name` asks."""
    found: Question = importlib.import_module(f"benchmarks.{name}").QUESTION
    return found


def _alone(name: str, size: Size) -> Sequence[Table]:
    # What one question imports and leaves in memory must not be the next one's.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(question(name).answer, size).result()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Questions:\n" + "\n".join(f"  {name:14} {question(name).asks}" for name in QUESTIONS),
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--quick", action="store_true", help="fewer samples, smaller files")
    amount.add_argument(
        "--smoke", action="store_true", help="under a minute: it runs and is right; times mean little"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there")
    parser.add_argument("questions", nargs="*", metavar="QUESTION", type=_known, help="default: all")
    return parser


def _known(name: str) -> str:
    if name not in QUESTIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of: {', '.join(QUESTIONS)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
