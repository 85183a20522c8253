"""`scripts/test mutants`: draw a list of mutants, or run one."""

from __future__ import annotations

import argparse
import subprocess
from collections import Counter
from pathlib import Path

from tests.mutants import runs
from tests.mutants.listed import commit_of, draw, read


def commit(name: str) -> str:
    done = subprocess.run(
        ["git", "rev-parse", name], cwd=runs.ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/test mutants", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="draw mutants of the code of HEAD")
    drawing.add_argument("list", type=Path)
    drawing.add_argument("--seed", type=int, required=True)
    drawing.add_argument("--python", type=int, default=600)
    drawing.add_argument("--engine", type=int, default=200)
    running = commands.add_parser("run", help="run the mutants of a list that have no result yet")
    running.add_argument("list", type=Path)
    running.add_argument("results", type=Path)
    running.add_argument("--commit", help="whose code and tests; without it that of the list")
    running.add_argument("--before", type=Path, help="run only the mutants that died in these results")
    running.add_argument("--numbers", default="1-800", help="of these mutants: 1-600")
    running.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.command == "draw":
        drawn = draw(runs.ROOT, given.seed, of_python=given.python, of_engine=given.engine)
        title = f"# {len(drawn)} mutants, drawn with seed {given.seed} from commit {commit('HEAD')}"
        given.list.write_text("\n\n".join([title, *map(str, drawn)]) + "\n", encoding="utf-8")
        return
    first, last = map(int, given.numbers.split("-"))
    before = runs.read(given.before) if given.before else {}
    chosen = [
        mutant
        for mutant in read(given.list)
        if first <= mutant.number <= last
        if not before or before.get(mutant.number, "").startswith("killed")
    ]
    at = commit(given.commit or commit_of(given.list))
    runs.run(chosen, at, given.results, before, given.processes)
    found = Counter(text.partition(":")[0] for text in runs.read(given.results).values())
    print(", ".join(f"{number} {name}" for name, number in found.most_common()))


if __name__ == "__main__":
    main()
