"""Does a download cost more when there are more files, or more rows in the audit trail?

One PostgreSQL has a database for each number of rows: so many documents, transfers and downloads, made inside it. One
process has a connection to each, and goes from one to the other. What it makes is removed again, so that each sample
begins with the number that its row says.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.clients.asked import Asked, compare, require_refused
from benchmarks.databases.audit_database import migrated, setup
from benchmarks.databases.audit_lines import TakenIn, remove_lines, take_in, write_lines
from benchmarks.databases.grown_databases import Grown, grown
from benchmarks.measure.interleave import Sampler, Samples, interleave, warmed
from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import Question, Size, Table, Target, require
from benchmarks.measure.spread import Spread, ratio, spread

_ROWS = {"full": (1_000, 100_000, 10_000_000), "quick": (1_000, 100_000), "smoke": (1_000, 10_000)}
_BATCH, _ROUNDS = 20, {"full": 300, "quick": 20, "smoke": 5}
_LINES, _LOGS = {"full": 10_000, "quick": 10_000, "smoke": 2_000}, {"full": 7, "quick": 2, "smoke": 1}
_MOST_HAND_OFF, _LEAST_INGEST = 1.2, 0.5


@dataclass(frozen=True, slots=True)
class _Found:
    """By the number of rows: seconds of a hand-off, what ingest came to, and bytes on disk a pair."""

    clock: Samples
    app: Samples
    postgres: Samples
    taken: dict[int, list[TakenIn]]
    pair_bytes: dict[int, float]


def answer(size: Size) -> list[Table]:
    """Fill all databases, then hand off and take lines in from each in turns."""
    with (
        TemporaryDirectory() as folder,
        migrated(Path(folder)) as dsn,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        found = pool.submit(_measure, dsn, Path(folder), size).result()
    return [_handed_off(found, size), _taken_in(found, size)]


def _handed_off(found: _Found, size: Size) -> Table:
    counts = _ROWS[size]
    few, most = counts[0], counts[-1]
    both = {
        label: [sum(each) for each in zip(found.app[label], found.postgres[label], strict=True)]
        for label in found.clock
    }
    least = f"{few}"
    return Table(
        title="A hand-off of the user's own document, among as many documents, transfers and downloads",
        columns=(
            "rows",
            "µs by the clock",
            "µs of the app",
            "µs of PostgreSQL",
            f"clock, to {few:,}",
            f"app and PostgreSQL, to {few:,}",
        ),
        rows=tuple(
            (
                f"{count:,}",
                *(_micro(samples[f"{count}"]) for samples in (found.clock, found.app, found.postgres)),
                ratio(found.clock[f"{count}"], found.clock[least]),
                ratio(both[f"{count}"], both[least]),
            )
            for count in counts
        ),
        note=f"Median (quartiles) of {_ROUNDS[size]} rounds of {_BATCH} documents, drawn at random, in turns.\n"
        "PostgreSQL does not sync to disk.",
        targets=(
            Target(
                what=f"{most:,} rows over {few:,}, by the clock",
                limit=_MOST_HAND_OFF,
                measured=ratio(found.clock[f"{most}"], found.clock[least]).median,
                unit="times",
            ),
        ),
    )


def _taken_in(found: _Found, size: Size) -> Table:
    few, most = _ROWS[size][0], _ROWS[size][-1]
    rates = {count: [one.lines / one.cpu_s for one in found.taken[count]] for count in found.taken}
    return Table(
        title=f"Ingest of {_LINES[size]:,} log entries into the trail",
        columns=(
            "rows of each table",
            "lines/s of its CPU",
            "lines/s by the clock",
            "PostgreSQL's µs a line",
            f"lines/s of its CPU, to {few:,}",
            "bytes on disk a pair",
        ),
        rows=tuple(
            (
                f"{count:,}",
                spread(rates[count]),
                spread([one.lines / one.wall_s for one in taken]),
                _micro([one.postgres_s / one.lines for one in taken]),
                ratio(rates[count], rates[few]),
                found.pair_bytes[count],
            )
            for count, taken in found.taken.items()
        ),
        note=f"Median (quartiles) of {_LOGS[size]} logs, in turns.\n"
        "A pair is a transfer and its download, including their indexes.",
        targets=(
            Target(
                what=f"entries a second of its CPU, {most:,} rows over {few:,}",
                limit=_LEAST_INGEST,
                measured=ratio(rates[most], rates[few]).median,
                unit="times",
                at_least=True,
            ),
        ),
    )


def _micro(seconds: Sequence[float]) -> Spread:
    return spread([1e6 * one for one in seconds])


def _measure(dsn: str, folder: Path, size: Size) -> _Found:
    setup(dsn)
    databases = grown(_ROWS[size])
    return _Found(
        *_hand_offs(databases, size),
        _ingests(databases, folder, size),
        {one.count: one.pair_bytes for one in databases},
    )


def _hand_offs(databases: Sequence[Grown], size: Size) -> tuple[Samples, Samples, Samples]:
    app: Samples = {f"{one.count}": [] for one in databases}
    postgres: Samples = {label: [] for label in app}
    for one in databases:
        require_refused(one)

    def sampler(database: Grown) -> Sampler:
        drawn, label = Random(1), f"{database.count}"

        def sample() -> float:
            database.use()
            asked = [Asked(database, drawn.randint(1, database.count)) for _ in range(1 + _BATCH)]
            asked[0].answer()
            before, cpu, wall = cpu_seconds([database.server]), time.thread_time(), time.perf_counter()
            for one in asked[1:]:
                one.answer()
            spent = time.perf_counter() - wall
            app[label].append((time.thread_time() - cpu) / _BATCH)
            postgres[label].append((cpu_seconds([database.server]) - before) / _BATCH)
            compare(asked)
            return spent / _BATCH

        return sample

    clock = interleave({f"{one.count}": sampler(one) for one in databases}, rounds=_ROUNDS[size])
    return clock, warmed(app), warmed(postgres)


def _ingests(databases: Sequence[Grown], folder: Path, size: Size) -> dict[int, list[TakenIn]]:
    lines, rounds = _LINES[size], _LOGS[size]
    # the first round is thrown away: a short log is enough for it
    counts = [100, *[lines] * rounds]
    found: dict[int, list[TakenIn]] = {one.count: [] for one in databases}

    def sampler(database: Grown) -> Sampler:
        left = iter(enumerate(counts))

        def sample() -> float:
            database.use()
            number, count = next(left)
            log = folder / f"{database.count}-{number}.log"
            write_lines(log, count, first=number * lines)
            taken = take_in(log)
            require(taken.lines == count, f"{taken.lines} of {count} lines were taken in")
            remove_lines(count)
            found[database.count].append(taken)
            return taken.wall_s

        return sample

    interleave({f"{one.count}": sampler(one) for one in databases}, rounds=rounds)
    return {count: taken[1:] for count, taken in found.items()}


QUESTION = Question(
    asks="whether more files, or more rows in the audit trail, make a download cost more", answer=answer
)
