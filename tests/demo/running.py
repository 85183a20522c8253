"""scripts/demo as a process, as another program sees it, and its servers started in the test's process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaccel_testing.servers.processes import wait_until

if TYPE_CHECKING:
    from portal.demo.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
_READY_WITHIN_S = 240
"""Not a promise: how long a demo may take on a machine that runs other tests too."""
_GONE_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo. `ready` is what its ready file said, `output` the file of what it printed."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    ready_file: Path
    output: Path

    def user(self, username: str) -> dict[str, Any]:
        return next(user for user in self.ready["users"] if user["username"] == username)

    def file(self, username: str, name: str) -> dict[str, Any]:
        return next(file for file in self.user(username)["files"] if file["name"] == name)

    @property
    def port(self) -> int:
        return int(self.ready["url"].rstrip("/").rpartition(":")[2])

    @property
    def pids(self) -> list[int]:
        return [pid for part in self.ready["pids"].values() for pid in part]

    def end(self, number: int) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(_GONE_WITHIN_S)


@contextmanager
def running_here(folder: Path, binary: str, **options: Any) -> Iterator[Stack]:
    """Run the servers for other tests too: the demo's umask and environment are not left to this process."""
    from portal.demo.stack import running_stack
    from xaccel.tools.nginx import probe

    environ, umask = dict(os.environ), os.umask(0o077)
    with ExitStack() as exits:
        try:
            stack = exits.enter_context(running_stack(folder, binary, probe(binary), **options))
        finally:
            os.umask(umask)
            os.environ.clear()
            os.environ.update(environ)
        yield stack


def run_demo(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the demo until it ends by itself."""
    return subprocess.run(
        _command(arguments),
        cwd=ROOT,
        env=_environ(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@contextmanager
def serving(folder: Path, *arguments: str | Path, into: int | None = None, **env: str) -> Iterator[Demo]:
    """Run the demo, and wait for its ready file in `folder`; end it with the block if it still runs."""
    ready_file = folder / "ready.json"
    with starting(folder, "--ready-file", ready_file, *arguments, into=into, **env) as (process, output):
        wait_until(lambda: ready_file.exists() or process.poll() is not None, timeout_s=_READY_WITHIN_S)
        assert ready_file.exists(), output.read_text()
        yield Demo(process, json.loads(ready_file.read_text()), ready_file, output)


@contextmanager
def starting(
    folder: Path, *arguments: str | Path, into: int | None = None, **env: str
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the demo, without waiting; yield its process and the file of what it prints, if not `into` a descriptor."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "output.txt"
    with output.open("wb") as out:
        process = subprocess.Popen(
            _command(arguments),
            cwd=ROOT,
            env=_environ(env),
            stdin=subprocess.DEVNULL,
            stdout=into or out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, output
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(_GONE_WITHIN_S)


def _command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-m", "xaccel", "demo", *map(str, arguments)]


def _environ(more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}
