"""A log on which everything happens that happens to logs, and what must be stored of it."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum

from tests.audit.conftest import T0, Log, decision, ids
from xaccel.audit.ingest.ingest import Ingest
from xaccel.audit.ingest.run import take as take_all
from xaccel.audit.log.positions import LogFiles
from xaccel.audit.models import Download, RejectedLine, Transfer
from xaccel.audit.retention import forget, prune
from xaccel.audit.settings import audit_settings

BYTES = 7
"""Sent by each transfer."""


class Killed(BaseException):
    """As SIGKILL: no handler of the program sees it. test_killed.py has the signal itself."""


def die(*_: Any, **__: Any) -> None:
    raise Killed


class World:
    """A log, and the steps that happen to it. Each entry has its decision in a row before.

    `take` ingests, and `counted` has what the last one counted. What a crash takes that was not stored yet is gone.
    """

    def __init__(self, folder: Path, drain_s: float = 60.0) -> None:
        self.log, self.drain_s = Log(folder / "xaccel.log"), drain_s
        self.counted = Counter[str]()
        self.texts: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self.people: dict[str, str] = {}
        self.forgotten: dict[str, float] = {}
        self.pruned = 0.0
        self.rotated: list[Path] = []
        self._half = b""
        self.log.write()

    def play(self, story: str) -> None:
        """Do the steps of a text such as "write 3, take, rename"."""
        for step in story.split(", "):
            name, *numbers = step.replace("-", "_").split()
            getattr(self, name)(*map(int, numbers))

    def _now(self) -> float:
        """Let files differ in their time by more than the clock of the kernel ticks."""
        now = time.time()
        if self.log.path.exists():
            os.utime(self.log.path, (now, now))
        return now

    def _made(self, count: int) -> list[bytes]:
        ended = {"seconds": 0.0, "body_bytes": BYTES, "sent_length": str(BYTES)}
        lines = [
            self.log.line(time.time() - T0.timestamp(), subject=random.choice(["ada", "bob", "eve"]), **ended)
            for _ in range(count)
        ]
        rows = [decision(line, f"{random.randrange(4)}.pdf", client="c") for line in lines]
        Transfer.objects.bulk_create(rows)
        for line, row in zip(lines, rows, strict=True):
            self.texts[line["id"]] = json.dumps(line).encode()
            self.times[line["id"]], self.people[line["id"]] = row.decided_at.timestamp(), row.subject
        return [self.texts[line["id"]] for line in lines]

    def _append(self, log: Log, count: int, left: int = 0) -> None:
        """Write entries, the rest of a half one first, and all but the last `left` bytes."""
        text = self._half + b"".join(text + b"\n" for text in self._made(count))
        cut = len(text) - left
        log.write(text[:cut])
        self._half = text[cut:]

    def write(self, count: int = 3) -> None:
        self._append(self.log, count)
        self._now()

    def write_half(self, count: int = 3) -> None:
        """The last entry is under way."""
        self._append(self.log, count, random.randrange(300))

    def write_late(self, count: int = 3) -> None:
        """NGINX goes on writing to the old file until it has opened the new one."""
        self._append(Log(self.rotated[-1]), count)

    def write_without_end(self) -> None:
        self.log.write(*self._made(1))

    def write_no_entry(self) -> None:
        self.log.write(b"no entry " + os.urandom(8).hex().encode() + b"\n")
        self._now()

    def note(self) -> None:
        """A file beside the log that is no log."""
        self.log.path.with_name("xaccel.log.notes").write_text("remember the milk\n")

    def ingest(self, stopped: Callable[[], bool] = lambda: False) -> Ingest:
        conf = replace(audit_settings(), drain_s=self.drain_s)
        return Ingest(self.log.path, conf, using="default", stopped=stopped)

    def take(self, stopped: Callable[[], bool] = lambda: False) -> None:
        ingest = self.ingest(stopped)
        take_all(ingest)
        self.counted = ingest.counted

    def die(self) -> None:
        """`ingest` dies in its first batch."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("xaccel.audit.ingest.ingest.store", die)
            with pytest.raises(Killed):
                self.take()

    def take_rotated(self) -> None:
        """The log is rotated once more after its folder was listed: a listed path is that of a newer file."""
        opened = LogFiles._opened
        with pytest.MonkeyPatch.context() as patch:

            def rotated_then(files: LogFiles, path: Path, *, final: bool) -> Any:
                patch.undo()
                self.play("rename-shifting, write")
                return opened(files, path, final=final)

            patch.setattr(LogFiles, "_opened", rotated_then)
            before = len(self.rotated)
            self.take()
        assert len(self.rotated) > before

    def take_cut(self, count: int) -> None:
        """The log is truncated right after it was opened, and has `count` new entries before it is read."""
        ingest = self.ingest()
        (opened,) = ingest._files
        self.truncate()
        self.write(count)
        with closing(opened):
            ingest._read(opened)
        assert ingest.counted["lines"] == 0

    def take_copytruncated(self, batch: int) -> None:
        """The log is copied and truncated between two batches, and has more entries than before."""
        before = len(self.rotated)

        def between() -> bool:
            if len(self.rotated) == before:
                self.play("copytruncate, write 20")
            return False

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("xaccel.audit.ingest.ingest.BATCH", batch)
            patch.setattr("xaccel.audit.log.log_file.CHUNK", 1500)
            self.take(between)
        assert len(self.rotated) > before

    def cut(self, count: int) -> None:
        """Take bytes off the end of the log, as a crash of the machine does."""
        self.truncate(max(0, self.log.path.stat().st_size - count))

    def truncate(self, length: int = 0) -> None:
        before = self.log.path.read_bytes()
        os.truncate(self.log.path, length)
        left, stored = self.log.path.read_bytes(), ids()
        for id_, text in list(self.texts.items()):
            if text in before and text not in left and id_ not in stored:
                del self.texts[id_]
        self._now()

    def regrow(self, count: int) -> None:
        self.take()
        self.cut(count)
        self.write(random.choice([1, 10]))

    def rename(self) -> None:
        self.rotated.append(self.log.path.rename(self._beside()))
        self.log.write()
        self._now()

    def rename_shifting(self) -> None:
        """As logrotate does: the newest file is .1, and the others move on."""
        for number, path in enumerate(self.rotated):
            self.rotated[number] = path.rename(path.with_suffix(f".{len(self.rotated) - number + 1}"))
        self.rotated.append(self.log.path.rename(self.log.path.with_name("xaccel.log.1")))
        self.log.write()
        self._now()

    def copytruncate(self) -> None:
        self.copy()
        os.truncate(self.log.path, 0)
        self._now()

    def copy(self) -> None:
        self.rotated.append(Path(shutil.copyfile(self.log.path, self._beside())))

    def compress(self, percent: int = 100) -> None:
        """Compress the newest rotated file; with less than 100 `gzip` is still at work."""
        plain = self.rotated[-1]
        path, whole = plain.with_name(f"{plain.name}.gz"), gzip.compress(plain.read_bytes())
        path.write_bytes(whole[: percent * len(whole) // 100])
        if percent == 100:
            shutil.copystat(plain, path)
            plain.unlink()
            self.rotated[-1] = path

    def damage(self) -> bytes:
        """Take the second half of the newest rotated file, a compressed one. Return all of it."""
        whole = self.rotated[-1].read_bytes()
        self.rotated[-1].write_bytes(whole[: len(whole) // 2])
        return whole

    def age(self) -> None:
        """Nobody has written to the newest rotated file for long."""
        os.utime(self.rotated[-1], (1, 1))

    def come_back(self) -> None:
        """The newest rotated file is the log again."""
        self.rotated.pop().rename(self.log.path)

    def restore(self) -> None:
        """The log is a copy of itself, under another inode."""
        copy = self.log.path.with_name("restored")
        shutil.copyfile(self.log.path, copy)
        copy.rename(self.log.path)

    def reuse_inode(self) -> bool:
        """A file that was read is removed. Return whether the file system gave its inode to the next one."""
        for _ in range(2):
            self.take()
        inode = self.log.path.stat().st_ino
        if self.log.path.read_bytes().endswith(b"\n"):
            self.log.path.unlink()
            self.log.write()
        self._now()
        return self.log.path.stat().st_ino == inode

    def prune(self, share: float) -> None:
        times = sorted(self.times.values())
        if times:
            before = times[int(share * len(times))]
            self.pruned = max(before, self.pruned)
            prune(datetime.fromtimestamp(before, UTC), using="default")

    def forget(self, person: str) -> None:
        forget(person, using="default")
        self.forgotten[person] = time.time()

    def check(self) -> None:
        """Everything that was written is stored once, but what was removed by the rules."""
        self.write(1)
        self.drain_s = 0.000_001
        for _ in range(4):
            self.take()
        rows: dict[str, Any] = {str(row.pk): row for row in Transfer.objects.filter(ended_at__isnull=False)}
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
        self.take()
        assert self.counted["lines"] == 0
        rejected = [(row.offset, bytes(row.text)) for row in RejectedLine.objects.all()]
        assert len(rejected) == len(set(rejected))

    def _beside(self) -> Path:
        return self.log.path.with_name(f"{self.log.path.name}-{len(self.rotated) + 1:04}")
