"""A log that became shorter, as after a crash of the machine: no entry is lost, none is doubled, nobody comes back."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.audit.conftest import T0, Log, decide, ids, some, take, wanted

pytestmark = pytest.mark.django_db(transaction=True)


def cut(log: Log, count: int) -> None:
    """Take `count` bytes off the end of the log, as a crash of the machine does."""
    os.truncate(log.path, max(0, log.path.stat().st_size - count))


@pytest.mark.parametrize("gone", [1, 300, 2000, 100_000])
@pytest.mark.parametrize("more", [1, 4, 60], ids=["shorter", "longer", "much longer"])
def test_entries_that_follow_a_cut_are_read(log: Log, gone: int, more: int) -> None:
    first, new, later = some(log, 20), some(log, more), some(log)
    log.write(*first)
    take(log)
    cut(log, gone)
    log.write(*new)
    take(log)
    log.write(*later)
    assert take(log)["duplicates"] == 0
    assert ids() == wanted(*first, *new, *later)


def test_a_cut_log_that_was_rotated_before_anybody_looked_is_read(log: Log) -> None:
    first, new, last = some(log, 20), some(log), some(log)
    log.write(*first)
    take(log)
    cut(log, 5000)
    log.write(*new)
    log.path.rename(log.path.with_name("xaccel.log.1"))
    log.write(*last)
    take(log)
    assert ids() == wanted(*first, *new, *last)


def test_what_follows_a_cut_to_nothing_is_read_from_the_rotated_file(log: Log) -> None:
    first, second, third = some(log), some(log), some(log)
    log.write(*first)
    take(log)
    os.truncate(log.path, 0)
    take(log)
    log.write(*second)
    log.path.rename(log.path.with_name("xaccel.log.1"))
    log.write(*third)
    take(log)
    assert ids() == wanted(*first, *second, *third)


def test_a_rotated_file_that_grows_after_it_was_done_with_and_comes_back_is_read_on(log: Log) -> None:
    first, second, third = some(log), some(log), some(log)
    log.write(*first)
    take(log)
    rotated = log.path.with_name("xaccel.log.1")
    log.path.rename(rotated)
    os.utime(rotated, (1, 1))
    log.write(*second)
    take(log)
    take(log)
    rotated.rename(log.path)
    log.write(*third)
    assert take(log)["duplicates"] == 0
    assert ids() == wanted(*first, *second, *third)


def test_a_copy_under_another_inode_is_the_same_log(log: Log) -> None:
    first, new = some(log), some(log)
    log.write(*first)
    take(log)
    copy = log.path.with_name("restored")
    shutil.copyfile(log.path, copy)
    copy.rename(log.path)
    log.write(*new)
    counted = take(log)
    assert (counted["lines"], counted["duplicates"], counted["lost"]) == (3, 0, 0)


def test_a_log_that_begins_like_the_rest_of_a_cut_one_is_read(log: Log) -> None:
    """Two bytes are left of an entry, and rotated away: each log begins with them."""
    first, new = some(log, 1), some(log, 1)
    log.write(*first)
    take(log)
    os.truncate(log.path, 2)
    log.path.rename(log.path.with_name("xaccel.log.1"))
    log.write(*new)
    for _ in range(3):
        take(log, drain_s=0.000_001)
    assert ids() == wanted(*first, *new)


def test_what_was_pruned_does_not_come_back_when_a_cut_log_is_read_again(log: Log) -> None:
    from xaccel.audit.models import RejectedLine
    from xaccel.audit.retention import prune

    old, young, new = some(log), [log.line(7200)], [log.line(7300)]
    log.write(*old, b"garbage\n", *young, b"rubbish\n")
    take(log)
    RejectedLine.objects.filter(text=b"garbage").update(at=T0)
    prune(T0 + timedelta(hours=1), using="default")
    cut(log, 20)
    log.write(*new)
    counted = take(log)
    assert ids() == wanted(*young, *new)
    assert counted["skipped"] == 3
    assert {bytes(row.text) for row in RejectedLine.objects.all()} >= {b"rubbish"}
    assert not RejectedLine.objects.filter(text=b"garbage").exists()


def test_nobody_who_was_forgotten_comes_back_with_an_entry_that_is_not_stored(log: Log) -> None:
    from xaccel.audit.models import Removal, Transfer
    from xaccel.audit.retention import forget

    before, after = log.line(subject="ada"), log.line(time.time() - T0.timestamp() + 60, subject="ada")
    forget("ada", using="default")
    log.write(before, after, log.line(subject="bob"))
    counted = take(log)
    assert counted["skipped"] == 1
    assert sorted(Transfer.objects.values_list("subject", flat=True)) == ["ada", "bob"]
    assert "ada" not in str(Removal.objects.values())


def test_the_command_says_what_it_skipped(log: Log, capsys: Any) -> None:
    from django.core.management import call_command

    from xaccel.audit.retention import prune

    prune(T0 + timedelta(hours=1), using="default")
    log.write(*some(log))
    call_command("xaccel", "ingest", str(log.path))
    assert "3 of them skipped: older than a `prune`, or of a forgotten user" in capsys.readouterr().out


class World:
    """A log on which everything happens that happens to logs, and what must be stored of it.

    Each entry has its decision in a row before. What a crash takes that was not stored yet is gone.
    """

    def __init__(self, folder: Path, drain_s: float) -> None:
        self.log, self.drain_s = Log(folder / "xaccel.log"), drain_s
        self.texts: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self.people: dict[str, str] = {}
        self.forgotten: dict[str, float] = {}
        self.pruned = 0.0
        self.rotations = 0
        self.log.write()

    def _now(self) -> float:
        """Let files differ in their time by more than the clock of the kernel ticks."""
        now = time.time()
        if self.log.path.exists():
            os.utime(self.log.path, (now, now))
        return now

    def write(self, count: int) -> None:
        for _ in range(count):
            at, person = time.time(), random.choice(["ada", "bob", "eve"])
            line = self.log.line(
                at - T0.timestamp(), seconds=0.0, subject=person, body_bytes=7, sent_length="7"
            )
            decided = decide(line, f"{random.randrange(4)}.pdf", client="c").decided_at
            self.texts[line["id"]] = json.dumps(line).encode()
            self.times[line["id"]], self.people[line["id"]] = decided.timestamp(), person
            self.log.write(self.texts[line["id"]] + b"\n")
        self._now()

    def garbage(self) -> None:
        self.log.write(b"no entry " + os.urandom(8).hex().encode() + b"\n")
        self._now()

    def take(self) -> None:
        take(self.log, drain_s=self.drain_s)

    def crash(self, count: int) -> None:
        before = self.log.path.read_bytes()
        cut(self.log, count)
        left = self.log.path.read_bytes()
        stored = ids()
        for id_, text in list(self.texts.items()):
            if text in before and text not in left and id_ not in stored:
                del self.texts[id_]
        self._now()

    def regrow(self, count: int) -> None:
        self.take()
        self.crash(count)
        self.write(random.choice([1, 10]))

    def rename(self) -> None:
        self.rotations += 1
        self.log.path.rename(self._beside())
        self.log.write()
        self._now()

    def copytruncate(self) -> None:
        self.rotations += 1
        shutil.copyfile(self.log.path, self._beside())
        os.truncate(self.log.path, 0)
        self._now()

    def reuse_inode(self) -> None:
        """A file that was read is removed; the file system gives its inode to the next one."""
        for _ in range(2):
            self.take()
        inode = self.log.path.stat().st_ino
        if self.log.path.read_bytes().endswith(b"\n"):
            self.log.path.unlink()
            self.log.write()
            event(f"the inode was used again: {self.log.path.stat().st_ino == inode}")
        self._now()

    def prune(self, share: float) -> None:
        from xaccel.audit.retention import prune

        times = sorted(self.times.values())
        if times:
            before = times[int(share * len(times))]
            self.pruned = max(before, self.pruned)
            prune(datetime.fromtimestamp(before, UTC), using="default")

    def forget(self, person: str) -> None:
        from xaccel.audit.retention import forget

        forget(person, using="default")
        self.forgotten[person] = time.time()

    def check(self) -> None:
        """Everything that was written is stored once, but what was removed by the rules."""
        from django.db.models import Sum

        from xaccel.audit.models import Download, RejectedLine, Transfer

        self.write(1)
        for _ in range(4):
            take(self.log, drain_s=0.000_001)
        rows = {str(row.pk): row for row in Transfer.objects.filter(ended_at__isnull=False)}
        kept = {id_ for id_ in self.texts if self.times[id_] >= self.pruned}
        optional = {
            id_ for id_ in kept if self.times[id_] <= self.forgotten.get(self.people[id_], 0)
        }  # not stored when its person was forgotten
        assert kept - optional <= set(rows) <= kept
        for id_ in optional & set(rows):
            assert rows[id_].subject.startswith("forgotten-"), "somebody came back"
        in_downloads = Transfer.objects.filter(download__isnull=False)
        sums = Download.objects.filter(id__in=in_downloads.values("download"))
        if not self.pruned:
            assert sums.aggregate(n=Sum("transfers"))["n"] == len(rows)
        assert take(self.log, drain_s=0.000_001)["lines"] == 0
        rejected = [(row.offset, bytes(row.text)) for row in RejectedLine.objects.all()]
        assert len(rejected) == len(set(rejected))

    def _beside(self) -> Path:
        return self.log.path.with_name(f"{self.log.path.name}-{self.rotations:04}")


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 30)),
    st.tuples(st.just("garbage")),
    st.tuples(st.just("take")),
    st.tuples(st.just("crash"), st.one_of(st.integers(1, 3000), st.integers(1, 40_000))),
    st.tuples(st.just("regrow"), st.integers(1, 5000)),
    st.tuples(st.just("rename")),
    st.tuples(st.just("copytruncate")),
    st.tuples(st.just("reuse_inode")),
    st.tuples(st.just("prune"), st.floats(0, 0.99)),
    st.tuples(st.just("forget"), st.sampled_from(["ada", "bob"])),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=4, max_size=25), st.sampled_from([0.000_001, 60.0]))
def test_no_entry_is_lost_or_doubled_and_no_forgotten_user_returns(steps: list[Any], drain_s: float) -> None:
    from django.db import connection

    from xaccel.audit.models import Download, LogPosition, RejectedLine, Removal, Transfer

    for model in (Transfer, Download, RejectedLine, LogPosition, Removal):
        connection.cursor().execute(f"DELETE FROM {model._meta.db_table}")
    with TemporaryDirectory() as folder:
        world = World(Path(folder), drain_s)
        world.write(1)
        world.take()
        for name, *arguments in steps:
            getattr(world, name)(*arguments)
        world.check()
