"""A log that changes or cannot be read while it is read: no entry is lost, none doubled."""

from __future__ import annotations

import gc
import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.audit.conftest import Log, forbidden, ids, some, take, wanted
from xaccel.audit.ingest.ingest import Ingest
from xaccel.audit.ingest.run import take as take_all
from xaccel.audit.log import log_file
from xaccel.audit.log.log_file import digest
from xaccel.audit.log.positions import LogFiles
from xaccel.audit.models import LogPosition, RejectedLine
from xaccel.audit.settings import audit_settings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("copy", [False, True])
def test_a_crash_in_the_very_first_batch_and_then_a_rotation(log: Log, monkeypatch: Any, copy: bool) -> None:
    first, second = some(log), some(log)
    log.write(*first)

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("xaccel.audit.ingest.ingest.store", crash)
        with pytest.raises(KeyboardInterrupt):
            take(log)
    if copy:
        shutil.copyfile(log.path, log.path.with_name("xaccel.log.1"))
        os.truncate(log.path, 0)
    else:
        log.path.rename(log.path.with_name("xaccel.log.1"))
    counted = take(log, *second)
    assert ids() == wanted(*first, *second)
    assert (counted["duplicates"], counted["lost"]) == (0, 0)


def test_a_rotation_after_the_folder_was_listed_hides_no_file(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path that was listed is then that of a newer file."""

    def rotate() -> None:
        for older in (2, 1):
            if (path := log.path.with_name(f"xaccel.log.{older}")).exists():
                path.rename(log.path.with_name(f"xaccel.log.{older + 1}"))
        log.path.rename(log.path.with_name("xaccel.log.1"))

    lines = [some(log) for _ in range(4)]
    opened = LogFiles._opened

    def rotated_then(files: LogFiles, path: Path, *, final: bool) -> Any:
        monkeypatch.undo()
        rotate()
        log.write(*lines[3])
        return opened(files, path, final=final)

    log.write(*lines[0])
    os.utime(log.path, (1000, 1000))
    take(log)
    for number in (1, 2):
        rotate()
        log.write(*lines[number])
        os.utime(log.path, (1000 + number, 1000 + number))
    monkeypatch.setattr(LogFiles, "_opened", rotated_then)
    counted = take(log)
    assert ids() == wanted(*(line for some in lines for line in some))
    assert (counted["lines"], counted["duplicates"], counted["lost"]) == (9, 0, 0)


def test_a_log_that_is_cut_right_after_it_was_opened_is_read_anew(log: Log) -> None:
    log.write(*some(log))
    new = some(log, 9)
    ingest = Ingest(log.path, audit_settings(), using="default")
    (found,) = ingest._files
    os.truncate(log.path, 0)
    log.write(*new)
    ingest._read(found)
    found.close()
    assert ingest.counted["lines"] == 0
    assert (take(log)["duplicates"], ids()) == (0, wanted(*new))


def test_a_log_is_recognised_by_its_first_kilobyte_once_it_has_that(log: Log) -> None:
    for count in (1, 9):
        take(log, *some(log, count))
    row = LogPosition.objects.get()
    assert (row.start_length, row.start) == (1024, digest(log.path.read_bytes()[:1024]))


def test_idle_compressed_files_are_not_decompressed_again_and_again(log: Log, monkeypatch: Any) -> None:
    opened: list[Any] = []
    real = gzip.open
    monkeypatch.setattr(gzip, "open", lambda path: opened.append(path) or real(path))
    other, lines, new = some(log), some(log, 5), some(log)
    ingest = Ingest(log.path, audit_settings(), using="default")
    beside = log.path.with_name("xaccel.log.0.gz")
    beside.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in other)))
    os.utime(beside, (1, 1))
    log.path.with_name("xaccel.log.9.gz").write_bytes(beside.read_bytes()[:-20])  # damaged, and newer
    log.write(*lines[:2])
    assert ingest.ingest_available()
    log.write(*lines[2:])
    log.path.with_name("xaccel.log.1.gz").write_bytes(gzip.compress(log.path.read_bytes()))
    log.path.unlink()
    log.path.touch()
    assert [ingest.ingest_available() for _ in range(6)] == [True] + [False] * 5
    assert max(map(opened.count, opened)) == 2  # for the rest, and to see that there is none
    log.write(*new)
    assert ingest.ingest_available()
    assert (ids(), ingest.counted["lost"]) == (wanted(*lines, *new), 0)


def test_a_reader_that_stops_early_leaves_no_file_open(log: Log, recwarn: pytest.WarningsRecorder) -> None:
    take(log, *some(log))
    rotated = Log(log.path.rename(log.path.with_name("xaccel.log.1")))
    take(log, *some(log))
    rotated.write(*some(log))  # NGINX has not reopened the log in each process
    take(log)
    rotated.write(*some(log))
    stopped = Ingest(log.path, audit_settings(), using="default", stopped=lambda: True)
    stopped.ingest_available()
    gc.collect()
    assert [each.message for each in recwarn if each.category is ResourceWarning] == []


def test_a_damaged_one_is_said_and_stops_nothing(log: Log, caplog: Any) -> None:
    first, second, third = some(log), some(log, 2000), some(log)
    take(log, *first)
    log.path.rename(log.path.with_name("xaccel.log.2"))
    os.utime(log.path.with_name("xaccel.log.2"), (1, 1))
    log.write(*second)
    whole = gzip.compress(log.path.read_bytes())
    log.path.unlink()
    damaged = log.path.with_name("xaccel.log.1.gz")
    damaged.write_bytes(whole[: len(whole) // 2])
    take(log, *third)
    assert ids() == wanted(*first, *third)
    assert f"cannot be read, and is tried again: {damaged}" in caplog.text
    damaged.write_bytes(whole)
    counted = take(log)
    assert (ids(), counted["duplicates"]) == (wanted(*first, *second, *third), 0)


def test_what_must_not_be_read_is_said_and_taken_once_it_may_be(open_log: Log, caplog: Any) -> None:
    log = open_log
    first, late, new = some(log), some(log), some(log)
    take(log, *first)
    log.write(*late)
    rotated = log.path.with_name("xaccel.log.1")
    log.path.rename(rotated)
    os.utime(rotated, (1, 1))
    log.write(*new)
    with forbidden(rotated):
        assert take(log)["lost"] == 0
    assert ids() == wanted(*first, *new)
    assert str(rotated) in caplog.text
    take(log)
    assert ids() == wanted(*first, *late, *new)


def test_a_log_that_must_not_be_read_is_told(open_log: Log) -> None:
    log, before, forbidden_one = open_log, some(open_log), some(open_log)
    log.write(*before)
    call_command("xaccel", "ingest", str(log.path), "--quiet")
    log.write(*forbidden_one)
    with forbidden(log.path), pytest.raises(CommandError, match="this user may not read") as told:
        call_command("xaccel", "ingest", str(log.path), "--quiet")
    assert str(log.path) in str(told.value)
    assert ids() == wanted(*before)


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("read", [1, 4])
def test_copytruncate_in_the_middle_of_reading(log: Log, monkeypatch: Any, before: int, read: int) -> None:
    lines, new = some(log, 8), some(log, 20)
    take(log, *lines[:before])
    log.write(*lines[before:])
    monkeypatch.setattr("xaccel.audit.ingest.ingest.BATCH", read)
    monkeypatch.setattr(log_file, "CHUNK", 1500)

    def truncate() -> bool:
        if not log.path.with_name("xaccel.log.1").exists():
            shutil.copyfile(log.path, log.path.with_name("xaccel.log.1"))
            os.truncate(log.path, 0)
            log.write(*new)
        return False

    ingest = Ingest(log.path, audit_settings(), using="default", stopped=truncate)
    take_all(ingest)
    assert ids() == wanted(*lines, *new)
    assert (ingest.counted["lost"], ingest.counted["duplicates"], RejectedLine.objects.count()) == (0, 0, 0)
