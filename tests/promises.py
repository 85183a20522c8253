"""Print each promise of tests/promises.toml with its tests; exit 1 where one is not held on every NGINX variant."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

VARIANTS = {"deb", "deb-njs", "wheel", "wheel-njs"}
_VARIANT = re.compile(r"(?:^|-)((?:deb|wheel)(?:-njs)?)(?=-|$)")
_ID = re.compile(r"tests/live/(?P<test>\S+?::\w+)\[(?P<parameters>.*)\]$")


def collected() -> dict[str, set[str]]:
    """Return the variants that each live test runs on."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", "tests/live"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"promises: the live tests cannot be collected:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        if match := _ID.match(line):
            variant = _VARIANT.search(match["parameters"])
            if variant:
                found.setdefault(match["test"], set()).add(variant[1])
    return found


def main() -> int:
    promises = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    tests, broken = collected(), 0
    for name, promise in promises.items():
        print(f"{name}: {promise['text']}")
        for test in promise["tests"]:
            missing = VARIANTS - tests.get(test, set())
            broken += bool(missing)
            print(f"    {test}{'  NOT ON: ' + ', '.join(sorted(missing)) if missing else ''}")
        if not promise["tests"]:
            broken += 1
            print("    NO TEST")
    print(f"{len(promises)} promises, {broken} not held")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
