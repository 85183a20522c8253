"""`scripts/test`: which processes run what, and how their results add up."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests import runs
from tests.runs import ROOT, VARIANTS, Group, Result, Running, closing, everything, groups_of, status_of


def names(*words: str) -> list[str]:
    return [group.name for group in groups_of(words)[0]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["unit", "django"]),
        (("-x", "-k", "names"), ["unit", "django"]),
        (("--pdb",), ["unit"]),
        (("tests/unit", "-k", "names"), ["main"]),
        (("tests/maps/test_urls.py::test_x", "tests/unit"), ["main"]),
        (("tests/audit/test_chain.py",), ["audit", "audit-postgres"]),
        (("tests/portal", "tests/demo"), ["main", "portal", "portal-postgres"]),
        (("audit",), ["audit", "audit-postgres", "portal", "portal-postgres"]),
        (("live",), [f"live-{name}" for name in VARIANTS]),
        (("live", "wheel", "-x"), ["live-wheel"]),
        (("doctor", "-x"), ["doctor"]),
        (("faults", "--quick", "-x"), ["faults"]),
        (("faults",), ["faults", "main", "audit", "audit-postgres"]),
    ],
    ids=" ".join,
)
def test_each_command_line_runs_its_groups(words: tuple[str, ...], expected: list[str]) -> None:
    assert names(*words) == expected


def test_pytest_gets_all_other_arguments() -> None:
    assert groups_of(["live", "wheel", "-x", "-k", "a b"])[1] == ["-x", "-k", "a b"]
    assert groups_of(["all", "--slow"])[1] == ["--slow"]
    assert groups_of(["faults", "--quick", "-x"])[1] == ["-x"]
    assert groups_of(["faults", "-x"])[1] == ["--slow", "-x"]
    groups, more = groups_of(["-q", "tests/audit/test_chain.py", "-x"])
    assert (more, [group.arguments[-1] for group in groups]) == (
        ["-q", "-x"],
        ["tests/audit/test_chain.py"] * 2,
    )


def test_a_wrong_build_of_nginx_is_named() -> None:
    with pytest.raises(SystemExit, match="'debian' is no build of NGINX"):
        groups_of(["live", "debian"])


def test_all_runs_every_test_module_once_and_each_build_of_nginx() -> None:
    here = [group for group in everything() if not group.python and not group.on_postgres]
    words = [word for group in here for word in group.arguments]
    paths = {Path(word) for word in words if word.startswith("tests/")}
    for module in (path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")):
        assert len(paths & {module, *module.parents}) == 1, module
    assert sorted(word for word in words if word.startswith("--variant")) == sorted(
        f"--variant={name}" for name in (*VARIANTS, "none")
    )


@pytest.mark.parametrize(("statuses", "expected"), [((0, 5), 0), ((5, 5), 5), ((0, 1, 5), 1), ((0, -9), -9)])
def test_a_run_fails_if_one_group_fails_or_no_group_has_a_test(
    statuses: tuple[int, ...], expected: int
) -> None:
    assert status_of([Result(Group("x"), status) for status in statuses]) == expected


def test_the_last_line_is_the_sum_as_pytest_prints_it() -> None:
    results = [
        Result(Group("a"), 0, "...\n\x1b[32m== 3 passed, 1 skipped in 2.00s ==\x1b[0m\n"),
        Result(Group("b"), 1, "..F\n1 failed, 2 passed, 7 deselected in 61.00s (0:01:01)\n"),
        Result(Group("c"), 4, "ERROR: file not found\n"),
        Result(Group("d"), 3, ""),
        Result(Group("wheel", command=("x",)), 0, "35 clean environments with the wheel: 35 passed\n"),
    ]
    assert (
        closing(results, 62.4) == "1 failed, 5 passed, 1 skipped, 7 deselected, 2 errors in 62.40s (0:01:02)"
    )


def test_a_group_says_what_it_and_its_programs_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LOG", tmp_path)
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint('1 passed')"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"
    result = Running([]).aside(Group("probe", command=(sys.executable, "-c", parent)))
    assert result.seconds > 0
    assert result.processor_s >= 0.2
    said = replace(result, processor_s=1.6, seconds=20.4).closing
    assert said == "probe: 1 passed; 2 processor seconds in 20 s"
