"""Deleting what is old, and forgetting a person without losing the sums."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.db.models import Sum

from tests.audit.conftest import T0, Log, decide, ids, ingested, run, some, take, wanted
from xaccel.audit.ingest.downloads import group_of
from xaccel.audit.models import Download, LogPosition, RejectedLine, Removal, Transfer
from xaccel.audit.retention import drop_addresses, forget, prune

pytestmark = pytest.mark.django_db(transaction=True)


def test_prune_deletes_what_is_older_and_nothing_else(log: Log) -> None:
    lines = [log.line(0), log.line(7200), log.line(14400)]
    for line in lines:
        decide(line)
    take(log, *lines, log.line(0, subject="early"))
    removed = prune(T0 + timedelta(hours=1), using="default")
    assert (removed["transfers"], removed["downloads"]) == (2, 1)
    assert {str(id_) for id_ in Transfer.objects.values_list("id", flat=True)} == {
        lines[1]["id"],
        lines[2]["id"],
    }
    assert Download.objects.count() == 2
    assert {row.download_id for row in Transfer.objects.all()} == {row.pk for row in Download.objects.all()}


def test_prune_takes_rejected_lines_and_positions_that_are_older_and_no_others(log: Log) -> None:
    take(log, log.line(), b"old\n", b"new\n")
    now = datetime.now(UTC)
    RejectedLine.objects.filter(text=b"old").update(at=now - timedelta(days=2))
    read = LogPosition.objects.get()
    ages = {"old, done with": (2, True), "old": (2, False), "new, done with": (0, True)}
    for path, (days, finished) in ages.items():
        values = {**LogPosition.objects.filter(pk=read.pk).values()[0], "id": None}
        LogPosition.objects.create(
            **{**values, "path": path, "at": now - timedelta(days=days), "finished": finished}
        )
    assert prune(now - timedelta(days=1), using="default")["rejected"] == 1
    assert [bytes(row.text) for row in RejectedLine.objects.all()] == [b"new"]
    assert set(LogPosition.objects.values_list("path", flat=True)) == {str(log.path), "old", "new, done with"}
    assert run("prune", "--older-than", "1d").endswith("0 rejected lines\n")
    assert prune(now + timedelta(days=1), using="default")["rejected"] == 1


def test_forget_keeps_the_sums_and_nothing_of_the_person(log: Log) -> None:
    lines = [log.line(at, subject=subject) for at, subject in enumerate(["7", "7", "8"])]
    for line in lines:
        decide(line, filename="Ada's report.pdf")
    take(log, *lines)
    before = Transfer.objects.aggregate(Sum("sent")), Download.objects.aggregate(Sum("given_bytes"))
    pseudonym, *counts = forget("7", using="default")
    assert counts == [2, 2]
    assert (Transfer.objects.aggregate(Sum("sent")), Download.objects.aggregate(Sum("given_bytes"))) == before
    for row in Transfer.objects.filter(subject=pseudonym):
        assert (row.ip, row.client, row.filename) == (None, "", "")
    digest = group_of("7", "partner", "report.pdf", "0123456789abcdef", ip=None)
    assert not Download.objects.filter(group=digest).exists()
    other = Transfer.objects.get(subject="8")
    assert (other.ip, other.filename) == ("192.0.2.7", "Ada's report.pdf")
    assert forget("7", using="default")[0] != pseudonym


def test_addresses_leave_no_digest_behind(log: Log) -> None:
    """Of somebody who is not signed in the address is in the digest that finds the open download."""
    lines = [log.part(0, 40, 100, 0, subject=""), log.part(40, 100, 100, 60, subject="")]
    lines += [log.line(0, subject="", ip="192.0.2.8"), log.line(0, subject="7")]
    for line in lines:
        decide(line)
    take(log, *lines[:1], *lines[2:])
    digests = {
        group_of(subject, "partner", "report.pdf", "0123456789abcdef", ip=ip): ip
        for subject, ip in [("", "192.0.2.7"), ("", "192.0.2.8"), ("7", None)]
    }

    def found() -> list[str]:
        return sorted(map(str, (digests.get(row.group.hex, "random") for row in Download.objects.all())))

    # A download that goes on keeps it: the rest of the file is put into the same one.
    take(log, lines[1])
    assert drop_addresses(T0 + timedelta(seconds=30), using="default") == 3
    assert found() == ["192.0.2.7", "None", "random"]
    assert drop_addresses(T0 + timedelta(seconds=90), using="default") == 1
    assert found() == ["None", "random", "random"]
    assert len({row.group for row in Download.objects.all()}) == 3
    assert not Transfer.objects.filter(ip__isnull=False).exists()


def test_a_line_that_comes_after_it_brings_nobody_back(log: Log) -> None:
    line = log.line()
    decide(line)
    pseudonym, transfers, _ = forget("7", using="default")
    assert transfers == 1
    take(log, line)
    row = Transfer.objects.get()
    assert (row.outcome, row.sent, row.subject, row.ip, row.client) == ("sent", 100, pseudonym, None, "")
    download = Download.objects.get()
    assert (download.subject, download.client, download.sent_complete) == (pseudonym, "", True)


def test_the_commands(log: Log) -> None:
    line = log.line()
    ingested(log, line)
    assert run("prune", "--addresses-older-than", "1h") == "removed 1 addresses\n"
    assert Transfer.objects.get().ip is None
    assert run("forget", "7").startswith("1 transfers and 1 downloads now belong to forgotten-")
    days = (datetime.now(UTC) - T0).days
    assert run("prune", "--older-than", f"{days + 2}d").startswith("deleted 0 transfers")
    assert run("prune", "--older-than", "1h").startswith("deleted 1 transfers, 1 downloads")


@pytest.mark.parametrize(
    "arguments", [("prune",), ("prune", "--older-than", "1"), ("prune", "--older-than", "0h"), ("forget", "")]
)
def test_what_makes_no_sense_is_told(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as told:
        run(*arguments)
    assert "older-than" in str(told.value) or "signed in" in str(told.value)


ROWS: dict[str, Any] = {
    "=1+1": "'=1+1",
    "+1": "'+1",
    "-1": "'-1",
    "@x": "'@x",
    "\tx": "'\tx",
    "\t=1": "'\t'=1",
    'a;=HYPERLINK("https://files.example/")': 'a;\'=HYPERLINK("https://files.example/")',
    'a\t=1+1;"=1+1': "a\t'=1+1;\"'=1+1",
    "1-2, b=c": "1-2, b=c",
    'a,"b"\nc': 'a,"b"\nc',
    "größe ☃": "größe ☃",
}


def test_csv_is_complete_and_no_cell_begins_as_a_formula_whatever_separates_cells(log: Log) -> None:
    """What separates the cells of a file is a setting of the machine that opens it: ";" in Germany and France."""
    for key in ROWS:
        decide(log.line(), key=key)
    text = run("export", "transfers")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["key"] for row in rows} == set(ROWS.values())
    assert {row["sent"] for row in rows} == {""}
    assert all(datetime.fromisoformat(row["decided_at"]).tzinfo for row in rows)
    for separator in (",", ";", "\t"):
        for cells in csv.reader(io.StringIO(text), delimiter=separator):
            assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))], cells


def test_json_lines_are_exact_and_one_row_a_line_for_every_reader(log: Log) -> None:
    """`str.splitlines` and JavaScript end a line at U+0085, U+2028 and U+2029 too."""
    keys = {*ROWS, "a\x85b\u2028c\u2029d ☃"}
    for key in keys:
        line = log.line()
        decide(line, key=key)
        log.write(line)
    take(log)
    text = run("export", "downloads", "--format", "jsonl")
    rows = [json.loads(line) for line in text.splitlines()]
    assert {row["key"] for row in rows} == keys
    assert (rows[0]["spans"], rows[0]["sent_complete"], "☃" in text) == ([[0, 100]], True, True)


def test_export_takes_what_was_asked_for(log: Log) -> None:
    for at in (0, 3600, 7200):
        decide(log.line(at), key=f"{at}")
    text = run(
        "export",
        "transfers",
        "--since",
        "2026-11-01T12:30",
        "--until",
        "2026-11-01T13:30",
        "--format",
        "jsonl",
    )
    assert len(text.splitlines()) == 1
    assert run("export", "transfers", "--key", "0", "--subject", "7", "--format", "jsonl").count("\n") == 1
    assert run("export", "transfers", "--origin", "other", "--format", "jsonl") == ""


def test_what_was_pruned_does_not_come_back_when_a_cut_log_is_read_again(log: Log) -> None:
    old, young, new = some(log), [log.line(7200)], [log.line(7300)]
    take(log, *old, b"no entry\n", *young, b"no entry either\n")
    RejectedLine.objects.filter(text=b"no entry").update(at=T0)
    prune(T0 + timedelta(hours=1), using="default")
    os.truncate(log.path, log.path.stat().st_size - 20)
    counted = take(log, *new)
    assert ids() == wanted(*young, *new)
    assert counted["skipped"] == 3
    assert {bytes(row.text) for row in RejectedLine.objects.all()} >= {b"no entry either"}
    assert not RejectedLine.objects.filter(text=b"no entry").exists()


def test_nobody_who_was_forgotten_comes_back_with_an_entry_that_is_not_stored(log: Log) -> None:
    before, after = (
        log.line(subject="countess"),
        log.line(time.time() - T0.timestamp() + 60, subject="countess"),
    )
    forget("countess", using="default")
    counted = take(log, before, after, log.line(subject="bob"))
    assert counted["skipped"] == 1
    assert sorted(Transfer.objects.values_list("subject", flat=True)) == ["bob", "countess"]
    assert "countess" not in str(Removal.objects.values())


def test_the_command_says_what_it_skipped(log: Log) -> None:
    prune(T0 + timedelta(hours=1), using="default")
    log.write(*some(log))
    assert "3 of them skipped: older than a `prune`, or of a forgotten user" in run("ingest", str(log.path))
