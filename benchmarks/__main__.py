"""scripts/bench [--quick | --smoke] [--json FILE] [--svg DIRECTORY] [QUESTION ...]"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import plots, report
from benchmarks.measure.question import Question, Size, Table

QUESTIONS = (
    "handoff",
    "signing",
    "app_server",
    "memory",
    "thread_memory",
    "import_cost",
    "lint",
    "large_files",
    "small_files",
    "stub_files",
    "responsiveness",
    "small_objects",
    "large_objects",
    "cache_hits",
    "last_part",
    "upload",
    "grants",
    "zip",
    "zip_soak",
    "crowd",
    "several_caches",
    "slow_clients",
    "connections",
    "many_origins",
    "growth",
    "workers",
    "record",
    "ingest",
    "audit_plans",
)
"""The modules of `benchmarks.questions`, in the order of the report."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the questions and print their tables.

    Returns 1 when a promise that is not about time was broken. A contender that did the wrong thing ends the run with
    its traceback.
    """
    given = _parser().parse_args(arguments)
    size: Size = "smoke" if given.smoke else "quick" if given.quick else "full"
    print(", ".join(f"{name} {value}" for name, value in report.machine().items()), flush=True)
    answers: dict[str, Sequence[Table]] = {}
    taken: dict[str, float] = {}
    for name, tables, seconds in _answers(given.questions or QUESTIONS, size):
        taken[name] = seconds
        answers[name] = [_untimed(table) for table in tables] if size == "smoke" else tables
        for table in answers[name]:
            print(f"\n{report.text(table)}")
        print(f"\n  {name}: {seconds:.0f} s, size {size}", flush=True)
        # after each, so that a run that is broken off leaves what it has
        record = json.dumps(report.record(size, answers, taken), indent=1) + "\n"
        if given.json is not None:
            given.json.write_text(record, encoding="utf-8")
        if given.svg is not None:
            plots.draw({"questions": {name: json.loads(record)["questions"][name]}}, given.svg)
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
    found: Question = importlib.import_module(f"benchmarks.questions.{name}").QUESTION
    return found


def _answers(names: Sequence[str], size: Size) -> Iterator[tuple[str, Sequence[Table], float]]:
    def timed(name: str) -> tuple[Sequence[Table], float]:
        start = time.monotonic()
        return _alone(name, size), time.monotonic() - start

    # Where times mean nothing, two run at once; the longest stand at the end of the report and begin first.
    beside = [name for name in names if size == "smoke" and not question(name).alone]
    for name in names:
        if name not in beside:
            yield (name, *timed(name))
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(timed, name) for name in reversed(beside)}
        for name in beside:
            yield (name, *running[name].result())


def _untimed(table: Table) -> Table:
    """Without what is wanted of times, which mean nothing here."""
    return replace(table, targets=tuple(target for target in table.targets if not target.timed))


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
    parser.add_argument("--svg", type=Path, metavar="DIRECTORY", help="also draw pictures there")
    parser.add_argument("questions", nargs="*", metavar="QUESTION", type=_known, help="default: all")
    return parser


def _known(name: str) -> str:
    if name not in QUESTIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of: {', '.join(QUESTIONS)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
