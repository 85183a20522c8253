"""Print each promise of tests/promises.toml with the files that keep it and its tests.

The exit status is 1 if a promise has no file or no test, or if a test does not run on the builds that its files need.
A file that a site includes only with njs, or only without, needs all four builds, and one that needs the module dav
Debian's. Other files of the engine need the usual two, and Python needs one.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import xaccel
from tests.conftest import USUAL, VARIANTS
from xaccel.tools.nginx.engine_files import FOLDER

_OF_NJS = {"xaccel.js", *(f"locations/{name}.conf" for name in ("hide", "njs", "page-njs"))}
"""The files of the engine that a site includes only with njs, or only without it."""
_OF_DAV = {"uploads/directory.conf"}
"""Those that need a module which the wheel's NGINX lacks."""
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


def read() -> dict[str, dict[str, Any]]:
    """Return the promises by name."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def files_of(promise: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the files that keep a promise, and the names of those that do not exist.

    `engine` has paths or patterns below the engine's folder, `module` is a module of the package.
    """
    found: list[str] = []
    missing: list[str] = []
    for pattern in promise.get("engine", []):
        names = [str(path.relative_to(FOLDER)) for path in sorted(FOLDER.glob(pattern))]
        found += names
        missing += [] if names else [pattern]
    if module := promise.get("module"):
        there = (Path(xaccel.__file__).parent / module).is_file()
        (found if there else missing).append(module)
    return found, missing


def main() -> int:
    promises = read()
    tests, broken = collected(), 0
    for name, promise in promises.items():
        print(f"{name}: {promise['text']}")
        kept_by, lost = files_of(promise)
        needed = {*(VARIANTS if _OF_NJS & {*kept_by} else USUAL if "engine" in promise else ())}
        needed = {"deb-njs"} if _OF_DAV & {*kept_by} else needed
        broken += bool(lost or not kept_by)
        print(
            f"    kept by {', '.join(kept_by) or 'NO FILE'}{'  NOT THERE: ' + ', '.join(lost) if lost else ''}"
        )
        for test in promise["tests"]:
            ran = tests.get(test, set())
            missing = needed - ran if ran else {"any build"}
            broken += bool(missing)
            print(f"    {test}{'  NOT ON: ' + ', '.join(sorted(missing)) if missing else ''}")
        if not promise["tests"]:
            broken += 1
            print("    NO TEST")
    print(f"{len(promises)} promises, {broken} not held")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
