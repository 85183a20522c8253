"""Run the tests in one or more pytest processes: what `scripts/test` does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from tests.conftest import USUAL, VARIANTS
from tests.faults.table import cited
from tests.find_tests import find_tests

ROOT = Path(__file__).parents[1]
LOG = ROOT / ".xaccel" / "log"
PYTHONS = ("3.11", "3.13")
"""The oldest and the newest. `scripts/matrix` has those between too."""
AT_ONCE = 5
"""On two cores, because most tests wait for servers: the closing line of a group says how much it computed."""

IN_ALL = ("wagtail", "filer")
"""The applications of `scripts/test all`. The others take minutes to install."""

USAGE = f"""\
scripts/test                   the unit and Django tests
scripts/test PATH ...          the tests in these files or folders
scripts/test for FILE          the tests of a file of the library or of xaccel-testing; --list prints them only
scripts/test live [VARIANT]    the live tests on all builds of NGINX, or on one: {", ".join(VARIANTS)}
scripts/test doctor            xaccel doctor on a healthy site, with all builds of NGINX, and on broken ones
scripts/test audit             tests/audit and tests/portal, on SQLite and on PostgreSQL
scripts/test faults [--quick]  kill, hang, fill and cut off each server; --quick leaves out the long tests, and those of
                               tests/faults/faults.toml that are in other folders
scripts/test integrations [NAME] [--newest]
                               Wagtail and others with xaccel, each installed from its package: NAME is a folder of
                               integrations/. --newest takes today's versions instead of those of requirements/
scripts/test all               all tests but the long faults, some also on the newest Python, and the wheel in clean
                               environments
scripts/test soak [NAME]       uploads: 1,000 while NGINX, app, storage and clients are killed, and a quota that 100
                               clients at once use up, and 10,000 that never end; grants: 20,000 random attacks,
                               and 200,000 revocations
scripts/test promises          print the promises of the NGINX side, with their files and tests
scripts/test mutants           change the code in 800 ways and see whether a test fails: tests/mutants/README.md

Other arguments go to pytest. --slow runs the long tests too. With XACCEL_REQUIRE_LIVE=1 the servers are installed first
(scripts/system, scripts/azurite), and a missing server is a failure instead of a skip.
"""
SOAKS = {
    "uploads": tuple(f"tests/live/uploads/test_{name}.py" for name in ("killed", "counting", "open")),
    "grants": ("tests/live/grants/test_random_attacks.py", "tests/live/grants/test_flood.py"),
}
"""Tests that look long for what happens rarely. Each prints what it did."""

_PROGRAMS = {"promises": "tests.promises", "mutants": "tests.mutants"}
_OWN_SETTINGS = ("tests/audit", "tests/portal")
"""One pytest process has one Django. These run on SQLite and on PostgreSQL."""
_WITHOUT_DJANGO = ("-p", "no:django")
"""pytest-django has ten fixtures for each test, a quarter of the time of a short one. These folders need none."""
_SAME_ORDER = "--randomly-seed=1"
"""For continuous integration: a commit that passes on one machine has the same order and data on another, as hypothesis
has of itself. Environments of applications do not have the plugin."""
_TERMINAL = {"--pdb", "--trace", "-s", "--co", "--collect-only", "--version", "-V", "--markers", "--fixtures"}
"""With these options of pytest the groups run one after the other, in the terminal."""
_INTERRUPTED, _NO_TESTS = 2, 5
_AT_EXIT = 20
"""Lines after which no line of pytest is looked for."""
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|deselected|xfailed|xpassed|error|warning)s?\b")
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
            *([_SAME_ORDER] if os.environ.get("CI") and not self.environment else []),
            *more,
            *self.arguments,
        ]


@dataclass(frozen=True, slots=True)
class Result:
    """How a group ended. `output` is empty if it went to the terminal, `left` is the folder that stays.

    seconds: how long it ran. processor_s: what it and the programs that it waited for used of the processors.
    """

    group: Group
    status: int
    output: str = ""
    left: Path | None = None
    seconds: float = 0
    processor_s: float = 0

    @property
    def counts(self) -> Counter[str]:
        found = Counter({word: int(count) for count, word in _COUNT.findall(self._last_line)})
        if self.status not in (0, _NO_TESTS) and not found["failed"] + found["error"]:
            found["error"] += 1
        return found if not self.group.command or self.status else Counter()

    @property
    def closing(self) -> str:
        """One line that says how the group ended."""
        text = self._last_line or f"status {self.status}"
        left = f"; its files are in {self.left}" if self.left else ""
        used = f"; {self.processor_s:.0f} processor seconds in {self.seconds:.0f} s"
        return (
            f"{self.group.name}: {'FAILED: ' if self.status not in (0, _NO_TESTS) else ''}{text}{used}{left}"
        )

    @property
    def details(self) -> str:
        """The whole output of a group that failed; of others the reasons of skipped tests."""
        if self.status not in (0, _NO_TESTS):
            return self.output
        _, found, summary = self.output.rpartition("short test summary info")
        return "\n".join(summary.splitlines()[1:-1]) if found else ""

    @property
    def _last_line(self) -> str:
        """The last line with a count: a warning at the exit of Python comes after the line of pytest."""
        lines = re.sub(r"\x1b\[[0-9;]*m", "", self.output).strip().splitlines()
        counting = [line for line in lines[-_AT_EXIT:] if _COUNT.search(line)]
        return (counting or lines or [""])[-1].strip("= ")


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
    if _TERMINAL & {*words}:
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
    more = [*words]
    named = [more.pop(0)] if more and not more[0].startswith("-") else [*SOAKS]
    if unknown := [name for name in named if name not in SOAKS]:
        sys.exit(f"scripts/test: {unknown[0]!r} is no soak. Choose one of {', '.join(SOAKS)}.")
    return [Group(f"soak-{name}", (*SOAKS[name], *_WITHOUT_DJANGO)) for name in named], [
        "--slow",
        "-rP",
        *more,
    ]


def _integrations(words: Sequence[str]) -> tuple[list[Group], list[str]]:
    kind = "newest" if "--newest" in words else "integration"
    more = [word for word in words if word != "--newest"]
    named = [more.pop(0)] if more and not more[0].startswith("-") else applications()
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


class Running:
    """Groups at work, each with a temporary folder of its own: pytest's default folder is shared by all runs of a
    user, and each run removes what others left there."""

    def __init__(self, more: Sequence[str]) -> None:
        self._more = more
        self._children: list[subprocess.Popen[bytes]] = []

    def in_terminal(self, group: Group) -> Result:
        """Run a group with the terminal as its input and output."""
        return self._run(group, None)

    def aside(self, group: Group) -> Result:
        """Run a group with its output in `.xaccel/log`."""
        file = LOG / f"test-{group.name}.txt"
        result = replace(self._run(group, file), output=file.read_text(errors="replace"))
        # a test that calls os._exit(0) ends pytest too
        silent = result.status == 0 and not group.command and not result.counts
        return replace(result, status=1) if silent else result

    def _run(self, group: Group, file: Path | None) -> Result:
        temporary = Path(tempfile.mkdtemp(prefix="xt-"))
        temporary.chmod(0o711)  # for servers that run as another user
        command = group.command_line(temporary, self._more)
        # -X dev would also check the memory of C code, which is not this project's, and takes a tenth of the time
        env = {**os.environ, "TMPDIR": str(temporary), "PYTHONMALLOC": "pymalloc"}
        started, processor_s = time.monotonic(), 0.0
        if file is None:
            status = _wait_in_terminal(subprocess.Popen(command, cwd=ROOT, env=env))
        else:
            with file.open("wb") as log:
                child = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._children.append(child)
            # unlike Popen.wait, wait4 tells what the child used
            _, ended, used = os.wait4(child.pid, 0)
            status = child.returncode = os.waitstatus_to_exitcode(ended)
            processor_s = used.ru_utime + used.ru_stime
        if status in (0, _INTERRUPTED, _NO_TESTS):
            shutil.rmtree(temporary, ignore_errors=True)
        left = temporary if temporary.exists() else None
        return Result(group, status, "", left, time.monotonic() - started, processor_s)

    def interrupt(self) -> None:
        """As Ctrl-C does: pytest stops its servers."""
        for child in self._children:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGINT)


class _Terminated(KeyboardInterrupt):
    """SIGTERM has come."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _wait_in_terminal(child: subprocess.Popen[bytes]) -> int:
    """Return the exit status; a signal to this process ends pytest too, as Ctrl-C does."""
    try:
        return child.wait()
    except KeyboardInterrupt as signalled:
        # Ctrl-C in a terminal reaches both, and a second SIGINT would end pytest before it has stopped its servers
        if isinstance(signalled, _Terminated) or not sys.stdin.isatty():
            child.send_signal(signal.SIGINT)
        return child.wait()


def run(groups: Sequence[Group], more: Sequence[str], *, at_once: int = AT_ONCE) -> int:
    """Run the groups, print how each ended, and return the exit status. The last line is like pytest's."""
    # a run that is ended from outside stops its servers, as Ctrl-C does, also in the background of a shell
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started, running = time.monotonic(), Running(more)
    LOG.mkdir(parents=True, exist_ok=True)
    if len(groups) == 1 or _TERMINAL & {*more}:
        return status_of([running.in_terminal(group) for group in groups])
    results: list[Result] = []
    pool = ThreadPoolExecutor(at_once)
    try:
        for done in as_completed([pool.submit(running.aside, group) for group in groups]):
            results.append(done.result())
            print(*filter(None, (results[-1].details, results[-1].closing)), sep="\n", flush=True)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        running.interrupt()
        return _INTERRUPTED
    finally:
        pool.shutdown()
    lines = [
        *sorted(result.closing for result in results),
        f"{sum(result.processor_s for result in results):.0f} processor seconds",
        closing(results, time.monotonic() - started),
    ]
    (LOG / "test.txt").write_text("\n".join(lines) + "\n")
    print("", *lines, sep="\n")
    return status_of(results)


def closing(results: Sequence[Result], seconds: float) -> str:
    """Return the sum of the groups' counts, as pytest would print it."""
    counts: Counter[str] = sum((result.counts for result in results), Counter())
    order = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error")
    words = {
        word: f"{word}s" if word in ("warning", "error") and counts[word] > 1 else word for word in order
    }
    text = ", ".join(f"{counts[word]} {words[word]}" for word in order if counts[word]) or "no tests ran"
    minutes, rest = divmod(round(seconds), 60)
    return f"{text} in {seconds:.2f}s (0:{minutes:02}:{rest:02})"


def status_of(results: Sequence[Result]) -> int:
    """Return 0 if all passed. Some groups may have no test that `-k` chooses, but not all."""
    statuses = {result.status for result in results}
    failed = statuses - {0, _NO_TESTS}
    return max(failed, key=abs) if failed else min(statuses)


def main(words: Sequence[str]) -> int:
    if words and words[0] in ("help", "-h", "--help"):
        print(USAGE, end="")
        return 0
    if words and words[0] in _PROGRAMS:
        os.execv(sys.executable, [sys.executable, "-m", _PROGRAMS[words[0]], *words[1:]])
    if len(words) > 1 and words[0] == "for":
        return _run_for(*words[1:])
    return run(*groups_of(words))


def _run_for(file: str, *more: str) -> int:
    found = find_tests(file)
    print(*found or [f"scripts/test: no test names {file}"], sep="\n", flush=True)
    if "--list" in more or not found:
        return 0 if found else _NO_TESTS
    return run(*groups_of([*found, *more]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
