"""Run tests in a child of this process, which has imported pytest and Django but neither xaccel nor its tests."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

_EARLY = """
    asgiref.sync botocore.client botocore.session django.core.handlers.wsgi django.core.management django.db.models
    django.db.backends.sqlite3.base django.test django.views.generic hypothesis msgspec starlette.testclient flask
"""
_OPTIONS = "-q -p no:randomly -p no:cacheprovider -W ignore::pytest.PytestAssertRewriteWarning"
_STOP_S = 15


class Record:
    """A plugin of pytest that notes the seconds of each passed test, and the lines that it runs in these folders."""

    def __init__(self, tree: Path, folders: Collection[str]) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.lines: dict[str, dict[str, list[int]]] = {}
        self.bad: set[str] = set()
        self._tree = f"{tree}/"
        self._folders = tuple(folders)
        self._names: dict[str, str | None] = {}
        self._seen: set[tuple[str, int]] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._seen = set()
        threading.settrace(self._call)
        sys.settrace(self._call)
        try:
            return (yield)  # type: ignore[return-value]
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            lines = self.lines[item.nodeid] = {}
            for name, line in self._seen:
                lines.setdefault(self._names[name] or "", []).append(line)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.outcome != "passed":
            self.bad.add(report.nodeid)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if name not in self._names:
            path = name.removeprefix(self._tree)
            self._names[name] = path if path.startswith(self._folders) else None
        return self._line if self._names[name] else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        self._seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    def result(self) -> dict[str, Any]:
        return {
            name: [self.seconds[name], lines] for name, lines in self.lines.items() if name not in self.bad
        }


class Chosen:
    """A plugin of pytest that runs these tests only, in their order, and notes the first that fails."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._place = {name: place for place, name in enumerate(tests)}
        self.failed = ""
        self.run = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._place]
        items[:] = sorted(chosen, key=lambda item: self._place[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.run += report.when == "call"
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (import)"

    def result(self) -> dict[str, Any]:
        return {"failed": self.failed, "run": self.run}


def import_early() -> None:
    """Import what takes long, so that each child has it."""
    for name in _EARLY.split():
        importlib.import_module(name)
    imported = {name for name in sys.modules if name.partition(".")[0] == "xaccel"}
    assert not imported, f"the children would not see a change of {sorted(imported)}"
    gc.collect()
    gc.freeze()  # pytest collects garbage five times: without the modules of this process it is quick


def run(
    tree: Path, arguments: Collection[str], plugin: Record | Chosen, limit_s: float
) -> dict[str, Any] | None:
    """Run pytest in the project at `tree`; return the plugin's result, or None if time ran out."""
    result = tree.with_name(f"{tree.name}.json")
    result.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        _in_child(tree, arguments, plugin, result)
    begin = time.monotonic()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.02)
        if time.monotonic() - begin > limit_s:
            _end(child)
            return None
    if not result.exists():
        raise RuntimeError(f"the tests ended without a result: {tree}.out")
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def _end(child: int) -> None:
    """Interrupt pytest, which stops its servers, then end its group."""
    os.kill(child, signal.SIGINT)
    until = time.monotonic() + _STOP_S
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.05)
        if time.monotonic() > until:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)


def _in_child(tree: Path, arguments: Collection[str], plugin: Record | Chosen, result: Path) -> None:
    status = 3
    try:
        os.setsid()
        output = os.open(tree.with_name(f"{tree.name}.out"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(output, number)
        os.chdir(tree)
        here = [str(tree), str(tree / "src"), str(tree / "testing")]
        sys.path[:0] = here
        os.environ["PYTHONPATH"] = os.pathsep.join(here)
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        status = int(pytest.main([*_OPTIONS.split(), f"--basetemp={tree}.tmp", *arguments], plugins=[plugin]))
        sys.settrace(None)
        if isinstance(plugin, Chosen) and status not in (0, 5):
            plugin.failed = plugin.failed or "(xaccel cannot be imported)"
        result.write_text(json.dumps(plugin.result()))
    except BaseException:  # noqa: BLE001  # this copy of the process must not go on
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
