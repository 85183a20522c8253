"""An export that carries its chain: whoever has only the files sees what was changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.audit.conftest import T0, Log, decide

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
        files = [f"--{name}={getattr(self, name)}" for name in ("transfers", "seals", "downloads")]
        return run("verify", *files, *options)

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
    assert export.verify() == stored
    assert stored.startswith("6 transfers are sealed, 0 deleted, 0 pseudonymised\n5 downloads are compared")


def test_what_was_deleted_and_forgotten_by_the_rules_does_not_alarm(export: Export) -> None:
    run("forget", "1")
    run("prune", "--addresses-older-than", "1d")
    run("prune", "--older-than", "1d")
    export.make()
    assert export.verify().startswith("6 transfers are sealed, 5 deleted, 2 pseudonymised\n")


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
        (_first("sent", 99, batch=0), "1 transfers of seal 1 are gone"),
        (_first("sent", 99, batch=None), "1 transfers of seal 1 are gone"),
        (_first("subject", "2"), "was changed"),
        (_first("ip", "192.0.2.8"), "was changed"),
        (_first("started_at", "2026-11-01T11:59:59.750001+00:00"), "was changed"),
        (lambda rows: rows.pop(0), "1 transfers of seal 1 are gone"),
        (_slip_in, "was changed or slipped in"),
    ],
)
def test_a_change_of_a_transfer_shows(export: Export, change: Callable[[list[Row]], None], said: str) -> None:
    export.change(export.transfers, change)
    with pytest.raises(CommandError, match=said):
        export.verify()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.pop(0), "does not follow|of a seal that is not there"),
        (_first("digest", "0" * 64), "does not follow"),
        (_first("leaves", "00" * 32), "the leaves of seal 1 were changed"),
    ],
)
def test_a_change_of_the_chain_shows(export: Export, change: Callable[[list[Row]], None], said: str) -> None:
    export.change(export.seals, change)
    with pytest.raises(CommandError, match=said):
        export.verify()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_first("sent_complete", False), "another sent_complete"),
        (_first("sent_bytes", 99), "another sent_bytes"),
        (_first("subject", "2"), "another subject"),
        (lambda rows: rows.pop(0), "1 transfers gave bytes and belong to no download"),
        (_slip_in, "0 transfers, not 1"),
    ],
)
def test_a_change_of_a_download_shows(export: Export, change: Callable[[list[Row]], None], said: str) -> None:
    export.change(export.downloads, change)
    with pytest.raises(CommandError, match=said):
        export.verify()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--transfers={transfers}",), "Give --checkpoint and --key together"),
        (("--checkpoint={seals}",), "Give --checkpoint and --key together"),
        (("--transfers={transfers}", "--seals={transfers}", "--downloads={downloads}"), "no row of seals"),
        (("--transfers={seals}", "--seals={seals}", "--downloads={downloads}"), "no row of transfers"),
        (("--transfers={seals}.none", "--seals={seals}", "--downloads={downloads}"), "No such file"),
    ],
)
def test_what_is_no_export_is_told(export: Export, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("verify", *(argument.format(**vars(export)) for argument in arguments))


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
        export.verify()
