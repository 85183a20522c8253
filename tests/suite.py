"""Check that no failed test stays unseen by `scripts/test`: the step `suite` of scripts/check.

The runner has no tests in the suite that it runs. Here it runs modules whose ends are known.
"""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import runs
from tests.groups import Group

ENDS = {
    "passed": "def test_it() -> None: pass",
    "failed": "def test_it() -> None: assert False",
    "not imported": "import no_such_module",
    "error in a fixture": (
        "import pytest\n@pytest.fixture\ndef broken() -> None: raise OSError\ndef test_it(broken: None) -> None: pass"
    ),
    "killed": "import os\ndef test_it() -> None: os.kill(os.getpid(), 9)",
    "left with status 0": "import os\ndef test_it() -> None: os._exit(0)",
    "a warning at the exit": (
        "import atexit, sys\ndef test_it() -> None: atexit.register(print, 'left open', file=sys.stderr)"
    ),
    "no test": "",
}
"""A module of tests for each way in which a process of pytest ends."""
UNSEEN = {"passed", "a warning at the exit", "no test"}
"""Beside a group that passed, one without a test is no failure: `-k` chooses from all groups."""


def group(folder: Path, name: str) -> Group:
    path = folder / f"test_{name.replace(' ', '_')}.py"
    path.write_text(ENDS[name], encoding="utf-8")
    options = ("-p", "no:django", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={folder}")
    return Group(f"suite-{path.stem}", (str(path), *options))


def wrong(passed: runs.Result, name: str, result: runs.Result) -> str:
    """Return what `scripts/test` gets wrong if a group ends so beside one that passes; empty if nothing."""
    both = [passed, result]
    status, closing = runs.status_of(both), runs.closing(both, 0)
    fails = name not in UNSEEN
    says_so = "failed" in closing or "error" in closing
    return "" if (status != 0, says_so) == (fails, fails) else f"{name}: status {status}, {closing}"


def main() -> int:
    runs.LOG.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        groups = [group(Path(folder), name) for name in ENDS]
        results = dict(zip(ENDS, pool.map(runs.Running(()).aside, groups), strict=True))
    for left in filter(None, (result.left for result in results.values())):
        shutil.rmtree(left)
    found = [text for name in ENDS if (text := wrong(results["passed"], name, results[name]))]
    print(*found or [f"{len(ENDS)} ends of a group are told apart"], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
