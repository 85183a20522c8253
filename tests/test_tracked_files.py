"""Each file of the repository is read by a check: also what only an operator or a maintainer runs."""

from __future__ import annotations

import json
import subprocess
import tomllib

import yaml

from tests.groups import ROOT


def tracked(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    return subprocess.check_output(command, cwd=ROOT, text=True).splitlines()


def test_each_file_of_data_can_be_read() -> None:
    """Some are read by programs only that no test runs, such as the forms of issues and the manifests."""
    readers = {".toml": tomllib.loads, ".json": json.loads, ".yaml": read_yaml, ".yml": read_yaml}
    for name in tracked(*(f"*{suffix}" for suffix in readers)):
        path = ROOT / name
        if path.exists():
            assert readers[path.suffix](path.read_text(encoding="utf-8")) is not None, name


def read_yaml(text: str) -> list[object]:
    return list(yaml.safe_load_all(text))


def test_python_that_no_test_runs_is_type_checked() -> None:
    """Continuous integration runs the tests, what they start, the examples, and the programs of scripts/check."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    run = ("examples/", "docs/conf.py", "docs/generated/", "noxfile.py", "tests/")
    by_hand = ("tests/deployment/", "tests/mutants/", "tests/servers/", "tests/vectors/")
    names = [name for name in tracked("*.py") if name.startswith(by_hand) or not name.startswith(run)]
    assert [name for name in names if not name.startswith(tuple(settings["files"]))] == []
