"""`scripts/test mutants`: draw a list of mutants, or run one."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from tests.mutants.listed import draw

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/test mutants", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="draw mutants of the code of HEAD")
    drawing.add_argument("list", type=Path)
    drawing.add_argument("--seed", type=int, required=True)
    drawing.add_argument("--python", type=int, default=600)
    drawing.add_argument("--engine", type=int, default=200)
    given = parser.parse_args()
    drawn = draw(ROOT, given.seed, of_python=given.python, of_engine=given.engine)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    title = f"# {len(drawn)} mutants, drawn with seed {given.seed} from commit {head.stdout.strip()}"
    given.list.write_text("\n\n".join([title, *map(str, drawn)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
