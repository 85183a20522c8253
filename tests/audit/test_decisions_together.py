"""Several processes append their decisions to one file at once, and `ingest` takes each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.audit.conftest import Log, take
from tests.audit.ingester import ROOT, environment

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES, EACH = 6, 200
# Each waits for all: they begin together. The longest line is longer than a page, and than what a pipe takes whole.
APPEND = """
import sys, django; django.setup()
from django.test import RequestFactory
from xaccel.audit.decision.recorder import append
from xaccel.events import denied
path, number, each = sys.argv[1], sys.argv[2], int(sys.argv[3])
request = RequestFactory().get("/")
print("ready", flush=True)
sys.stdin.readline()
for at in range(each):
    reason = f"{number}-{at}." + "x" * (at * 97 % 12_000)
    append(path, request, denied("GET", subject=number, origin="o", bucket="", key="k", reason=reason))
"""


def appending(path: Path, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", APPEND, str(path), str(number), str(EACH)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe)


def test_processes_that_append_at_once_lose_and_tear_no_line(tmp_path: Path) -> None:
    from xaccel.audit.models import Transfer

    path = tmp_path / "decisions.log"
    started = [appending(path, number) for number in range(PROCESSES)]
    try:
        for one in started:
            assert one.stdout is not None
            assert one.stdout.readline() == b"ready\n"
        for one in started:
            assert one.stdin is not None
            one.stdin.write(b"go\n")
            one.stdin.flush()
        assert [one.wait(60) for one in started] == [0] * PROCESSES
    finally:
        for one in started:
            one.kill()
            one.communicate()
    counted: Any = take(Log(path))
    assert (counted.lines, counted.garbage) == (PROCESSES * EACH, 0)
    said = {reason.partition(".")[0] for reason in Transfer.objects.values_list("reason", flat=True)}
    assert said == {f"{number}-{at}" for number in range(PROCESSES) for at in range(EACH)}
    assert path.read_bytes().count(b"\n") == PROCESSES * EACH
