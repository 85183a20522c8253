"""The tests in groups, each of which runs in one process: what the words after `scripts/test` choose."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tests.conftest import USUAL, VARIANTS
from tests.faults.table import cited

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.13")
"""The oldest and the newest. `scripts/matrix` has those between too."""
IN_ALL = ("wagtail", "filer")
"""The applications of `scripts/test all`. The others take minutes to install."""

SOAKS = {
    "uploads": tuple(f"tests/live/uploads/test_{name}.py" for name in ("killed", "counting", "open")),
    "grants": ("tests/live/grants/test_random_attacks.py", "tests/live/grants/test_flood.py"),
}
"""Tests that look long for what happens rarely. Each prints what it did."""

_OWN_SETTINGS = ("tests/audit", "tests/portal")
"""One pytest process has one Django. These run on SQLite and on PostgreSQL."""
_WITHOUT_DJANGO = ("-p", "no:django")
"""pytest-django has ten fixtures for each test, a quarter of the time of a short one. These folders need none."""
TERMINAL = {"--pdb", "--trace", "-s", "--co", "--collect-only", "--version", "-V", "--markers", "--fixtures"}
"""With these options of pytest the groups run one after the other, in the terminal."""
_ON_PYTHON = """
. scripts/env.sh
python=$(xaccel_pythons | sed -n "s/^$1 //p")
[ -n "$python" ] || { echo "Python $1: not found, so not tested"; exit 5; }
xaccel_environment "unit-$1" "$python" || exit 1
shift
exec "$XACCEL_PYTHON" "$@"
"""
_IN_ENVIRONMENT = """
. scripts/env.sh
xaccel_environment "$1" || exit 1
shift
exec "$XACCEL_PYTHON" "$@"
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that run in one process.

    on_postgres: whether the process has a PostgreSQL server of its own.
    python: the version of another interpreter than that of this process.
    environment: another environment than that of this process, by its name in scripts/env.sh.
    command: a program in place of pytest.
    """

    name: str
    arguments: tuple[str, ...] = ()
    on_postgres: bool = False
    python: str = ""
    environment: str = ""
    command: tuple[str, ...] = ()

    def command_line(self, temporary: Path, more: Sequence[str]) -> list[str]:
        if self.command:
            return list(self.command)
        python = [sys.executable]
        if self.python or self.environment:
            script = _ON_PYTHON if self.python else _IN_ENVIRONMENT
            python = ["bash", "-c", script, "bash", self.python or self.environment]
        return [
            *python,
            *("-X", "dev", "-m", "tests.on_postgres" if self.on_postgres else "pytest"),
            *("-o", f"cache_dir=.xaccel/pytest-{self.name}", f"--basetemp={temporary / 't'}"),
            # environments of applications do not have the plugin
            *(
                [f"--randomly-seed={seed_of_commit()}"]
                if os.environ.get("CI") and not self.environment
                else []
            ),
            *more,
            *self.arguments,
        ]


@cache
def seed_of_commit() -> int:
    """Return the seed of the order of tests in continuous integration: another one for each commit.

    A commit that passes on one machine has the same order and data on another, as hypothesis has of itself.
    """
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(commit.stdout[:8], 16)


def groups_of(words: Sequence[str]) -> tuple[list[Group], list[str]]:
    """Return the groups of a command line, and the arguments that are pytest's."""
    first, more = (words[0], [*words[1:]]) if words else ("", [])
    named = {
        "all": everything,
        "doctor": lambda: [Group("doctor", ("tests/doctor", "tests/unit/tools/doctor"))],
    }
    if first == "audit":
        return [group for folder in _OWN_SETTINGS for group in on_both(folder, (folder,))], more
    if first in ("live", "faults", "integrations", "soak"):
        chosen = {"live": _live, "faults": _faults, "integrations": _integrations, "soak": _soak}
        return chosen[first](more)
    if first in named:
        return named[first](), more
    paths = [word for word in words if not word.startswith("-") and (ROOT / word.partition("::")[0]).exists()]
    if paths:
        return _paths(paths), [word for word in words if word not in paths]
    if TERMINAL & {*words}:
        return [Group("unit", ("tests/unit", "tests/django"))], [*words]
    return unit(), [*words]


def unit(python: str = "") -> list[Group]:
    """Return the unit and Django tests, on this Python or on another one."""
    suffix = f"-{python}" if python else ""
    return [
        Group(f"unit{suffix}", ("tests/unit", *_WITHOUT_DJANGO), python=python),
        Group(f"django{suffix}", ("tests/django",), python=python),
    ]


def _live(words: Sequence[str]) -> tuple[list[Group], list[str]]:
    if words and not words[0].startswith("-"):
        if words[0] not in VARIANTS:
            sys.exit(f"scripts/test: {words[0]!r} is no build of NGINX. Choose one of {', '.join(VARIANTS)}.")
        options = (f"--variant={words[0]}", "--variant=none")
        return [Group(f"live-{words[0]}", ("tests/live", *_WITHOUT_DJANGO, *options))], [*words[1:]]
    return live(), [*words]


def _faults(words: Sequence[str]) -> tuple[list[Group], list[str]]:
    faults = Group("faults", ("tests/faults",))
    if "--quick" in words:
        return [faults], [word for word in words if word != "--quick"]
    variants = ("--variant=deb-njs", "--variant=none")
    found = [replace(group, arguments=(*group.arguments, *variants)) for group in _paths(cited())]
    return [faults, *found], ["--slow", *words]


def _soak(words: Sequence[str]) -> tuple[list[Group], list[str]]:
    named, more = _names_and_options(words)
    named = named or [*SOAKS]
    if unknown := [name for name in named if name not in SOAKS]:
        sys.exit(f"scripts/test: {unknown[0]!r} is no soak. Choose one of {', '.join(SOAKS)}.")
    return [Group(f"soak-{name}", (*SOAKS[name], *_WITHOUT_DJANGO)) for name in named], [
        "--slow",
        "-rP",
        *more,
    ]


def _names_and_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the words after `soak` and `integrations` at pytest's first option, whose value may follow it."""
    first = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    return [*words[:first]], [*words[first:]]


def _integrations(words: Sequence[str]) -> tuple[list[Group], list[str]]:
    kind = "newest" if "--newest" in words else "integration"
    named, more = _names_and_options([word for word in words if word != "--newest"])
    named = named or applications()
    if unknown := [name for name in named if name not in applications()]:
        sys.exit(
            f"scripts/test: {unknown[0]!r} is not in integrations/. Choose one of {', '.join(applications())}."
        )
    return [integration(name, kind) for name in named], more


def applications() -> list[str]:
    """Return the folders of `integrations`."""
    return sorted(path.parent.name for path in (ROOT / "integrations").glob("*/requirements.in"))


def integration(name: str, kind: str = "integration") -> Group:
    """Return the tests of an application, in an environment that has it."""
    return Group(f"{kind}-{name}", (f"integrations/{name}",), environment=f"{kind}-{name}")


def live() -> list[Group]:
    """Return the live tests: a group for each usual build of NGINX, and one for the others and for no certain build."""
    others = [name for name in VARIANTS if name not in USUAL]
    builds = {**{name: [name] for name in USUAL}, "others": [*others, "none"]}
    return [
        Group(f"live-{name}", ("tests/live", *_WITHOUT_DJANGO, *(f"--variant={build}" for build in chosen)))
        for name, chosen in builds.items()
    ]


def on_both(folder: str, arguments: tuple[str, ...]) -> list[Group]:
    """Return tests of a folder that has its own settings, on SQLite and on PostgreSQL."""
    name = folder.rpartition("/")[2]
    group = Group(name, (f"--ds={folder.replace('/', '.')}.settings", *arguments))
    return [group, replace(group, name=f"{name}-postgres", on_postgres=True)]


def _paths(paths: Sequence[str]) -> list[Group]:
    found, rest = [], list(paths)
    for folder in _OWN_SETTINGS:
        chosen = tuple(path for path in paths if Path(path.partition("::")[0]).is_relative_to(folder))
        if chosen:
            found += on_both(folder, chosen)
            rest = [path for path in rest if path not in chosen]
    return [*([Group("main", tuple(rest))] if rest else []), *found]


def everything() -> list[Group]:
    """Return all tests, the longest groups first."""
    tests = ROOT / "tests"
    alone = ("live", "demo", "faults", "browser", "doctor", "audit", "portal", "adapters", "unit", "django")
    folders = [path.name for path in sorted(tests.glob("*/")) if any(path.rglob("test_*.py"))]
    others = [f"tests/{name}" for name in folders if name not in alone]
    pages = [str(path.relative_to(ROOT)) for path in sorted(tests.glob("test_*.py"))]
    audit, audit_postgres = on_both("tests/audit", ("tests/audit",))
    portal, portal_postgres = on_both("tests/portal", ("tests/portal",))
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [
        Group("doctor", ("tests/doctor",)),
        *live(),
        Group("browser", ("tests/browser",)),
        Group("others", (*others, *pages)),
        Group("demo", ("tests/demo",)),
        audit,
        audit_postgres,
        Group("wheel", command=("scripts/matrix", "--tags", "ends")),
        *(integration(name) for name in IN_ALL),
        Group("adapters", ("tests/adapters",)),
        Group("faults", ("tests/faults",)),
        *(group for version in PYTHONS if version != own for group in unit(version)),
        *unit(),
        portal,
        portal_postgres,
    ]
