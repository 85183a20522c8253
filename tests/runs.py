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

from tests import durations
from tests.conftest import VARIANTS
from tests.find_tests import find_tests
from tests.groups import ROOT, TERMINAL, Group, groups_of, seed_of_commit

LOG = ROOT / ".xaccel" / "log"
AT_ONCE = 5
"""On two cores, because most tests wait for servers: the closing line of a group says how much it computed."""

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
                               environments; --record writes the processor seconds of each group to tests/durations.txt
scripts/test soak [NAME]       uploads: 1,000 while NGINX, app, storage and clients are killed, and a quota that 100
                               clients at once use up, and 10,000 that never end; grants: 20,000 random attacks,
                               and 200,000 revocations
scripts/test promises          print the promises of the NGINX side, with their files and tests
scripts/test mutants           change the code in 800 ways and see whether a test fails: tests/mutants/README.md

Other arguments go to pytest. --slow runs the long tests too. With XACCEL_REQUIRE_LIVE=1 the servers are installed first
(scripts/system, scripts/azurite), and a missing server is a failure instead of a skip.
"""
_PROGRAMS = {"promises": "tests.promises", "mutants": "tests.mutants"}
_INTERRUPTED, _NO_TESTS = 2, 5
_AT_EXIT = 20
"""Lines after which no line of pytest is looked for."""
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|deselected|xfailed|xpassed|error|warning)s?\b")


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


def run(groups: Sequence[Group], words: Sequence[str], *, at_once: int = AT_ONCE) -> int:
    """Run the groups, print how each ended, and return the exit status. The last line is like pytest's.

    words: arguments of pytest, and `--record` (see tests/durations.py).
    """
    more = [word for word in words if word != "--record"]
    record = len(more) < len(words)
    if os.environ.get("CI"):
        print(f"The order of the tests is that of --randomly-seed={seed_of_commit()}, made of the commit.")
    # a run that is ended from outside stops its servers, as Ctrl-C does, also in the background of a shell
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started, running = time.monotonic(), Running(more)
    LOG.mkdir(parents=True, exist_ok=True)
    if len(groups) == 1 or TERMINAL & {*more}:
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
    used = {result.group.name: result.processor_s for result in results}
    if record:
        durations.record(used)
    lines = [
        *sorted(result.closing for result in results),
        *durations.doubled(used),
        f"{sum(used.values()):.0f} processor seconds",
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
