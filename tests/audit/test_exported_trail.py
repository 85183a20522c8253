"""An export that carries its chain: whoever has only the files sees what was changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.audit.conftest import T0, Log, decide, take

pytestmark = pytest.mark.django_db(transaction=True)

Row = dict[str, Any]


def run(*arguments: str) -> str:
    printed = io.StringIO()
    call_command("xaccel", *arguments, stdout=printed)
    return printed.getvalue()


class Export:
    """An export of transfers and of seals, in files."""

    def __init__(self, folder: Path) -> None:
        self.transfers, self.downloads, self.seals = (
            folder / f"{name}.jsonl" for name in ("transfers", "downloads", "seals")
        )

    def make(self, *options: str) -> None:
        self.transfers.write_text(run("export", "transfers", "--format", "jsonl", *options))
        self.downloads.write_text(run("export", "downloads", "--format", "jsonl"))
        self.seals.write_text(run("export", "seals", "--format", "jsonl"))

    def verify(self, *options: str) -> str:
        files = ("--transfers", str(self.transfers), "--seals", str(self.seals))
        return run("verify", *files, *options)

    def verify_all(self) -> str:
        return self.verify("--downloads", str(self.downloads))

    def change(self, path: Path, change: Callable[[list[Row]], None]) -> None:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        change(rows)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def export(settings: Any, log: Log, client: Any, tmp_path: Path) -> Export:
    """Of five transfers sent, the first two by the same person, a denied one, and one that waits for its line."""
    settings.XACCEL_AUDIT = {"CHAIN": True}
    lines = [log.line(at, subject=str(max(at, 1)), seconds=0.25) for at in range(5)]
    for line in lines:
        decide(line)
    log.write(*lines)
    client.get("/deny", {"key": "größe.pdf"})
    client.get("/send", {"key": "awaited"})
    run("ingest", str(log.path), "--quiet")
    made = Export(tmp_path)
    made.make()
    return made


def test_an_honest_export_holds_without_the_database(export: Export) -> None:
    from xaccel.audit.models import Download, Seal, Transfer

    stored = run("verify")
    for model in (Transfer, Download, Seal):
        model.objects.all().delete()
    assert export.verify_all() == stored
    assert stored.startswith("6 transfers are sealed, 0 deleted, 0 pseudonymised\n5 downloads are what")
    assert "problems" not in export.verify("--link", stored.split()[-1])


def test_what_was_deleted_and_forgotten_by_the_rules_does_not_alarm(export: Export) -> None:
    run("forget", "1")
    run("prune", "--addresses-older-than", "1d")
    run("prune", "--older-than", "1d")
    export.make()
    said = export.verify_all()
    assert said.startswith("6 transfers are sealed, 5 deleted, 2 pseudonymised\n")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT")
    assert f"deleted was what is of before {yesterday}" in said
    assert f"addresses were taken out of what ended before {yesterday}" in said


def _slip_in(rows: list[Row]) -> None:
    rows.append({**rows[0], "id": "01a00000-0000-7000-8000-000000000000"})


def _first(name: str, value: object, **more: object) -> Callable[[list[Row]], None]:
    def change(rows: list[Row]) -> None:
        rows[0].update({name: value, **more})

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_first("sent", 99), "was changed"),
        (_first("sent", 99, sealed=False), "was changed"),
        (_first("sent", 99, sealed=None), "was changed"),
        (_first("subject", "2", outcome="granted", sealed=None), "the person of transfer"),
        (_first("subject", "2"), "the person of transfer"),
        (_first("ip", "192.0.2.8"), "the address of transfer"),
        (_first("started_at", "2026-11-01T11:59:59.750001+00:00"), "was changed"),
        (lambda rows: rows.pop(0), "1 transfers are gone"),
        (_slip_in, "1 transfers say"),
    ],
)
def test_a_change_of_a_transfer_shows(export: Export, change: Callable[[list[Row]], None], said: str) -> None:
    export.change(export.transfers, change)
    with pytest.raises(CommandError, match=said):
        export.verify()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.pop(1), "does not follow"),
        (_first("content", "0" * 64), "does not follow"),
        (lambda rows: rows.pop(), "is not in the chain"),
    ],
)
def test_a_change_of_the_chain_shows(export: Export, change: Callable[[list[Row]], None], said: str) -> None:
    newest = run("verify").split()[-1]
    export.change(export.seals, change)
    with pytest.raises(CommandError, match=said):
        export.verify("--link", newest)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_first("sent_complete", False), "another sent_complete"),
        (_first("sent_bytes", 99), "other sent_bytes"),
        (_first("subject", "2"), "another subject"),
        (lambda rows: rows.pop(0), "1 transfers gave bytes and belong to no download"),
        (_slip_in, "0 transfers, not 1"),
    ],
)
def test_a_change_of_a_download_shows(export: Export, change: Callable[[list[Row]], None], said: str) -> None:
    export.change(export.downloads, change)
    with pytest.raises(CommandError, match=said):
        export.verify_all()


def test_a_part_is_checked_against_the_whole_chain(export: Export) -> None:
    export.make("--subject", "1")
    with pytest.raises(CommandError, match="4 transfers are gone"):
        export.verify()
    assert "4 of the sealed ones are not in the export" in export.verify("--part")
    export.change(export.transfers, _first("sent", 99))
    with pytest.raises(CommandError, match="was changed"):
        export.verify("--part")


def test_what_is_sealed_between_the_two_exports_does_not_alarm(export: Export, log: Log) -> None:
    from xaccel.audit.models import Transfer

    before = export.transfers.read_text()
    awaited = Transfer.objects.get(outcome="granted")
    log.write(log.line(9, id=str(awaited.pk)))
    take(log)
    export.make()
    export.transfers.write_text(before)
    said = export.verify()
    assert said.startswith("7 transfers are sealed")
    assert "1 were exported before they were sealed, and are not compared" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--transfers", "{transfers}"), "its transfers and its seals"),
        (("--downloads", "{seals}"), "its transfers and its seals"),
        (("--part",), "its transfers and its seals"),
        (("--part", "--downloads", "{seals}"), "all of their transfers"),
        (("--transfers", "{transfers}", "--seals", "{transfers}"), "line 1 is no row of seals"),
        (("--transfers", "{seals}", "--seals", "{seals}"), "line 1 is no row of transfers"),
        (("--transfers", "{transfers}.none", "--seals", "{seals}"), "No such file"),
    ],
)
def test_what_is_no_export_is_told(export: Export, arguments: tuple[str, ...], said: str) -> None:
    files = {"transfers": str(export.transfers), "seals": str(export.seals)}
    with pytest.raises(CommandError, match=said):
        run("verify", *(argument.format(**files) for argument in arguments))


def test_a_part_of_the_chain_is_not_exported() -> None:
    with pytest.raises(CommandError, match="cannot be checked"):
        run("export", "seals", "--since", T0.isoformat())


def test_a_moment_that_was_taken_out_of_the_file_is_a_problem_and_no_error(
    export: Export, tmp_path: Path
) -> None:
    from xaccel.audit.retention import prune

    prune(T0 + timedelta(seconds=0.5), using="default")
    export.make()

    def take_out(rows: list[Row]) -> None:
        rows[0].update(ended_at=None, download_id=None)

    id_ = json.loads(export.transfers.read_text().splitlines()[0])["id"]
    export.change(export.transfers, take_out)
    with pytest.raises(CommandError, match=f"transfer {id_} was changed"):
        export.verify_all()
