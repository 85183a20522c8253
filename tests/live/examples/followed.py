"""Follow a page of the documentation: write its files, run its commands, and compare their output with the page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from tests.pages import FENCE, ROOT, replace_each, text

FILE = re.compile(r"(?:# (at the end of )?(\S+\.(?:py|toml))(?:, with \w+)?|<!-- ()(\S+\.html) -->)\n")


class FollowedPage:
    """A page that a reader follows in `folder`.

    environment: added to that of the tests. tab: the framework whose tabs the reader opens. In each method, `changes`
    are texts of a block and their replacements.
    """

    def __init__(
        self, page: str, folder: Path, environment: Mapping[str, str] | None = None, *, tab: str = ""
    ) -> None:
        self.folder = folder
        others = re.compile(rf"^:::{{tab-item}} (?![^\n]*\b{tab}\b).*?^:::$", re.MULTILINE | re.DOTALL)
        self.blocks = FENCE.findall(others.sub("", text(ROOT / page)))
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {**os.environ, **(environment or {}), "PATH": path, "PYTHONUNBUFFERED": "1"}

    def write_files(self, changes: Mapping[str, str] | None = None) -> None:
        """Write each block of the page that begins with the name of a file."""
        for _, code in self.blocks:
            if found := FILE.match(code):
                appended, path = found[1], self.folder / (found[2] or found[4])
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a" if appended else "w", encoding="utf-8") as file:
                    file.write(replace_each(code[found.end() :], changes or {}))

    def write(self, file: str, start: str, changes: Mapping[str, str]) -> None:
        """Write the one block that begins with `start` as `file`."""
        [code] = [code for _, code in self.blocks if code.startswith(start)]
        (self.folder / file).write_text(replace_each(code, changes), encoding="utf-8")

    def run(self, word: str, changes: Mapping[str, str] | None = None) -> str:
        """Run a block of commands, require each line of the output on the page, and return what was printed."""
        done = subprocess.run(
            ["bash", "-c", self._block(word, changes or {})],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        shown = [
            after for (_, code), (kind, after) in pairwise(self.blocks) if word in code and kind == "text"
        ]
        for line in shown[0].splitlines() if shown else []:
            pattern = re.sub(r"…|\d+", lambda part: ".*" if part[0] == "…" else r"\d+", re.escape(line))
            assert re.search(pattern, done.stdout), f"{line!r} is not in:\n{done.stdout}"
        return done.stdout

    @contextmanager
    def terminal(self, word: str, changes: Mapping[str, str], ready: str) -> Iterator[Path]:
        """Run a block as in a terminal of its own, once it says `ready`, until the end of the test.

        Gives the file with its output.
        """
        output = self.folder / f"{word}.out"
        with output.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", self._block(word, changes)],
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for(output, ready)
            yield output
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _block(self, word: str, changes: Mapping[str, str]) -> str:
        [code] = [code for kind, code in self.blocks if kind == "sh" and word in code]
        return "set -e\n" + replace_each(code, {". venv/bin/activate": ":", **changes})


def wait_for(output: Path, pattern: str) -> None:
    deadline = time.monotonic() + 60
    while not re.search(pattern, text(output)):
        assert time.monotonic() < deadline, text(output)
        time.sleep(0.05)
