"""The doctor notices that ingestion is behind."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from xaccel.audit.models import LogPosition
from xaccel.doctor.catalogue import checks
from xaccel.doctor.examine import examine
from xaccel.doctor.running_site import RunningSite
from xaccel.site import read_mapping

pytestmark = pytest.mark.django_db


def found(log: Path) -> tuple[str, tuple[str, ...]]:
    site = read_mapping.read(
        {
            "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
            "ORIGINS": {"media": {"type": "local", "root": "/srv"}},
            "TRANSFER_LOG": str(log),
        }
    )
    check = next(each for each in checks() if each.id == "XA506")
    (result,) = examine([replace(check, after=())], RunningSite(read_site=lambda: site))
    return result.status, result.evidence


def entry(age_s: float) -> str:
    return json.dumps({"v": 1, "id": "x", "end": time.time() - age_s}) + "\n"


def ingested(log: Path, offset: int) -> None:
    status = log.stat()
    row = {"device": status.st_dev, "inode": status.st_ino, "start": "", "start_length": 0}
    LogPosition.objects.create(path=str(log), offset=offset, at="2026-11-26T12:00:00Z", **row)


def test_an_old_entry_that_was_not_ingested_is_a_finding(tmp_path: Path) -> None:
    log = tmp_path / "xaccel.log"
    first = entry(3600)
    log.write_text(first + entry(1800))
    status, (said,) = found(log)
    assert (status, "is 60 minutes old" in said) == ("fail", True)
    ingested(log, len(first))
    assert "is 30 minutes old" in found(log)[1][0]


def test_a_log_that_is_ingested_or_has_only_new_entries_is_fine(tmp_path: Path) -> None:
    log = tmp_path / "xaccel.log"
    log.write_text(entry(3600))
    ingested(log, log.stat().st_size)
    assert found(log) == ("ok", ())
    with log.open("a") as file:
        file.write(entry(5))
    assert found(log) == ("ok", ())


def test_a_log_elsewhere_is_not_looked_at(tmp_path: Path) -> None:
    assert found(tmp_path / "none.log")[0] == "skipped"
