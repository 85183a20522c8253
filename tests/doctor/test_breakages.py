"""Each breakage of a running site is reported as its own check, and as nothing else."""

from __future__ import annotations

import os

import pytest

from tests.doctor.breakages import Breakage
from tests.doctor.stage import Stage
from tests.doctor.way import TABLE
from xaccel.tools.cli.doctor import printed

NEEDS_ROOT = {
    "XA501",
    "XA615",
    "XA504",
    "XA415-NGINX's workers may not enter the directory",
    "XA502",
    "XA314-The folder of grants belongs",
}


@pytest.mark.parametrize(
    ("variant", "breakage"),
    [(each.variant, each) for each in TABLE],
    ids=[each.name for each in TABLE],
    indirect=["variant"],
    scope="session",
)
def test_a_breakage_is_reported_as_its_own_check_and_as_nothing_else(
    healthy: Stage, breakage: Breakage
) -> None:
    if os.geteuid() != 0 and any(breakage.name.startswith(name) for name in NEEDS_ROOT):
        pytest.skip("the workers are this user's own processes")
    breakage.make(healthy)
    # a check that had to be cut off would be found too
    assert healthy.found() == {breakage.id: breakage.status}
    (result,) = (each for each in healthy.results if each.check.id == breakage.id)
    assert breakage.says in f"{result.evidence} {result.remedy}"
    word = {"fail": "FAIL", "warn": "WARN", "unknown": "?   "}[breakage.status]
    assert f"{word} {breakage.id} {result.check.failure}\n" in printed(healthy.results, "report")
    assert healthy.leaks() == []
