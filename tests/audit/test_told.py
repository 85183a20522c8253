"""`ingest` is killed between what it stored and telling of it: each receiver is told all the same, at least once."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from tests.audit.conftest import Log, decide
from tests.audit.ingester import process
from tests.audit.told import write_down
from xaccel.audit.models import Download, PendingSignal, Transfer
from xaccel.audit.signals import download_completed, transfer_completed

pytestmark = pytest.mark.django_db(transaction=True)

KILLED = -9


def one_line(log: Log) -> None:
    line = log.line()
    decide(line)
    log.write(line)


def killed(log: Log, told: Path, *, dying_after: str = "", more: str = "pass") -> list[str]:
    """Run it in a process of its own until it is killed; return all that was told until now."""
    receivers = f"write_down({str(told)!r}, dying_after={dying_after!r})"
    before = f"from tests.audit.told import die, write_down; {receivers}; {more}"
    running = process("--quiet", str(log.path), before=before)
    try:
        running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == KILLED
    return told.read_text().splitlines() if told.exists() else []


def ingest(log: Log, told: Path) -> list[str]:
    """Run it to its end; return all that was told until now."""
    told_to = write_down(str(told))
    try:
        call_command("xaccel", "ingest", "--quiet", str(log.path))
    finally:
        for signal in (transfer_completed, download_completed):
            assert signal.disconnect(told_to)
    return told.read_text().splitlines()


def owed() -> list[str]:
    return [
        f"transfer {row.transfer}" if row.transfer else f"download {row.download}"
        for row in PendingSignal.objects.order_by("pk")
    ]


def both() -> list[str]:
    return [f"transfer {Transfer.objects.get().pk}", f"download {Download.objects.get().pk}"]


def test_killed_between_the_commit_and_telling_it_tells_when_it_is_started_again(
    log: Log, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    one_line(log)
    assert killed(log, told, more="ingest.deliver = die") == []
    assert owed() == both()
    assert ingest(log, told) == both()
    assert owed() == []
    assert ingest(log, told) == both()


@pytest.mark.parametrize("after", ["transfer", "download"])
def test_killed_in_the_middle_of_telling_it_tells_again(log: Log, tmp_path: Path, after: str) -> None:
    """At least once: what was told and not yet crossed off is told twice, what was not is told once."""
    told = tmp_path / "told"
    one_line(log)
    first = killed(log, told, dying_after=after)
    transfer, download = both()
    assert first == ([transfer] if after == "transfer" else [transfer, download])
    assert owed() == [transfer, download]
    assert ingest(log, told) == [*first, transfer, download]
    assert owed() == []


def test_killed_before_the_commit_it_tells_once(log: Log, tmp_path: Path) -> None:
    told = tmp_path / "told"
    one_line(log)
    assert killed(log, told, more="ingest.Ingest._set_aside = die") == []
    assert owed() == []
    assert ingest(log, told) == both()
