"""What the app decided, recorded in the request, or carried by NGINX's line and a file of the app's own."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory

from tests.audit.conftest import Log, take
from xaccel.handoff.transfer_id import new_transfer_id

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> list[Any]:
    from xaccel.audit.models import Transfer

    return list(Transfer.objects.order_by("id"))


def test_a_decision_is_a_row_before_the_answer_goes_out(client: Any) -> None:
    answer = client.get(
        "/send", {"key": "größe.pdf", "identity": "v7", "subject": "42"}, HTTP_USER_AGENT="curl/8"
    )
    (row,) = rows()
    assert str(row.id) == answer["Xaccel-Id"]
    assert (row.outcome, row.origin, row.key, row.version) == ("granted", "partner", "größe.pdf", "v7")
    assert (row.subject, row.method, row.filename, row.reason) == ("42", "GET", "größe.pdf", "")
    assert row.decided_at is not None
    assert (row.ended_at, row.ip, row.status) == (None, None, None)
    assert len(row.client) == 16
    assert "Xaccel-Note" not in answer


def test_two_programs_are_two_clients(client: Any) -> None:
    for agent in ("curl/8", "curl/8", "Wget/1"):
        client.get("/send", {"key": "a"}, HTTP_USER_AGENT=agent)
    assert len({row.client for row in rows()}) == 2


def test_a_denial_is_a_row(client: Any) -> None:
    assert client.get("/deny", {"key": "a.pdf"}).status_code == 403
    (row,) = rows()
    assert (row.outcome, row.key, row.reason) == ("denied", "a.pdf", "no grant")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"key": "."}, "KeyRefused"),
        ({"key": "../../../etc/hosts"}, "KeyRefused"),
        ({"key": "a.pdf", "filename": "one\u2029two.pdf"}, "FileNameRefused"),
    ],
)
@pytest.mark.parametrize("record", ["request", "line"])
def test_stored_data_that_cannot_be_sent_are_a_denied_row_and_a_404(
    settings: Any, tmp_path: Path, asked: dict[str, str], reason: str, record: str
) -> None:
    decisions = tmp_path / "decisions"
    settings.XACCEL_AUDIT = {"RECORD": record, "DECISIONS": str(decisions)}
    assert Client().get("/send", {**asked, "subject": "42"}).status_code == 404
    if record == "line":
        assert rows() == []
        take(Log(decisions))
    (row,) = rows()
    assert (row.outcome, row.origin, row.key) == ("denied", "partner", asked["key"])
    assert (row.subject, row.reason) == ("42", reason)


def test_what_no_index_holds_is_recorded_and_found(client: Any, capsys: Any) -> None:
    from django.core.management import call_command

    long = secrets.token_urlsafe(3000)
    kept = f"{long[:1000]}…{sha256(long.encode()).hexdigest()[:32]}"
    assert client.get("/deny", {"key": long, "reason": f"{long}\0"}).status_code == 403
    assert client.get("/send", {"key": "a", "subject": long}).status_code == 200
    denied, sent = rows()
    assert (denied.outcome, denied.key, denied.reason) == ("denied", kept, f"{long}�")
    assert (sent.outcome, sent.subject) == ("granted", kept)
    for option, row in (("--key", denied), ("--subject", sent)):
        call_command("xaccel", "export", "transfers", option, long, "--format", "jsonl")
        assert json.loads(capsys.readouterr().out)["id"] == str(row.id)
    call_command("xaccel", "forget", long)
    assert rows()[1].subject.startswith("forgotten-")


def test_a_304_of_the_app_is_a_row_that_awaits_no_line(client: Any) -> None:
    answer = client.get("/send", {"key": "a", "etag": "x"}, HTTP_IF_NONE_MATCH='"x"')
    assert answer.status_code == 304
    (row,) = rows()
    assert (row.outcome, row.reason, row.version) == ("not_modified", "304 by the app", '"x"')


def test_a_412_of_the_app_is_refused(client: Any) -> None:
    answer = client.get("/send", {"key": "a", "etag": "x"}, HTTP_IF_MATCH='"y"')
    assert answer.status_code == 412
    (row,) = rows()
    assert (row.outcome, row.reason, row.version) == ("refused", "412 by the app", '"x"')


def test_what_cannot_be_recorded_is_not_carried_out(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import DatabaseError

    from xaccel.audit.decision import recorder

    def fail(*_: Any) -> None:
        raise DatabaseError("no disk")

    monkeypatch.setattr(recorder, "_row", fail)
    with pytest.raises(DatabaseError):
        client.get("/send", {"key": "a"})


def test_the_objects_of_two_tenants_are_two(client: Any) -> None:
    from xaccel.audit.decision.recorder import _decision, _row
    from xaccel.events import DownloadEvent

    request = RequestFactory().get("/")
    for bucket in ("acme-one", "acme-two"):
        event = DownloadEvent(
            transfer_id=new_transfer_id(datetime.now(UTC)),
            allowed=True,
            origin="tenants",
            bucket=bucket,
            key="a.pdf",
            method="GET",
            subject="42",
            filename="a.pdf",
            as_attachment=True,
            reason="",
            at=datetime.now(UTC),
        )
        _row(request, event)
        assert _decision(request, event).key == f"{bucket}/a.pdf"
    assert [row.key for row in rows()] == ["acme-one/a.pdf", "acme-two/a.pdf"]


@pytest.fixture
def decisions(settings: Any, tmp_path: Path) -> Path:
    """The file of decisions, with RECORD set to "line"."""
    path = tmp_path / "decisions.log"
    settings.XACCEL_AUDIT = {"RECORD": "line", "DECISIONS": str(path)}
    return path


def test_without_a_write_in_the_request_the_decision_travels_in_the_line(
    client: Any, decisions: Path, log: Log, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/send", {"key": "größe ☃.pdf", "identity": "v7", "subject": "42"})
    assert rows() == []
    assert not decisions.exists()
    log.write(log.line(id=answer["Xaccel-Id"], subject="42", note=answer["Xaccel-Note"]))
    assert take(log).lines == 1
    (row,) = rows()
    assert (row.outcome, row.key, row.version, row.subject) == ("sent", "größe ☃.pdf", "v7", "42")
    assert (row.filename, len(row.client), row.line_first) == ("größe ☃.pdf", 16, False)
    assert row.decided_at is not None
    assert row.download is not None


def test_denials_304s_and_412s_go_to_a_file_that_ingest_takes(client: Any, decisions: Path) -> None:
    client.get("/deny", {"key": "größe.pdf"})
    client.get("/send", {"key": "b", "etag": "x"}, HTTP_IF_NONE_MATCH='"x"')
    client.get("/send", {"key": "c", "etag": "x"}, HTTP_IF_MATCH='"y"')
    assert rows() == []
    assert len([json.loads(line) for line in decisions.read_text().splitlines()]) == 3
    assert decisions.stat().st_mode & 0o777 == 0o600
    assert take(Log(decisions)).lines == 3
    found = {row.outcome: row for row in rows()}
    assert found["denied"].key == "größe.pdf"
    assert found["denied"].reason == "no grant"
    assert (found["not_modified"].key, found["not_modified"].reason) == ("b", "304 by the app")
    assert (found["refused"].key, found["refused"].reason) == ("c", "412 by the app")
    counted = take(Log(decisions))
    assert counted.lines == 0
    assert len(rows()) == 3


def test_a_decision_that_the_disk_takes_by_half_is_an_error_and_spoils_no_other(
    client: Any, decisions: Path
) -> None:
    client.get("/deny", {"key": "before.pdf"})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (decisions.stat().st_size + 50, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            client.get("/deny", {"key": "half.pdf"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    client.get("/deny", {"key": "after.pdf"})
    counted = take(Log(decisions))
    assert (counted.lines, counted.garbage) == (2, 1)
    assert [row.key for row in rows()] == ["before.pdf", "after.pdf"]


def test_a_fork_during_a_decision_holds_up_no_other(
    client: Any, decisions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, kept = os.write, []

    def write_and_fork(file: int, text: bytes) -> int:
        kept.append(os.dup(file))  # what a fork leaves in the other process
        return write(file, text)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_and_fork)
        client.get("/deny", {"key": "a.pdf"})
    try:
        assert kept
        with decisions.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        for each in kept:
            os.close(each)


def test_a_note_of_somebody_else_is_garbage(log: Log) -> None:
    log.write(log.line(note="bm90IG91cnM"))
    assert take(log).garbage == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"RECORD": "never"},
        {"RECORD": "line"},
        {"RECORD": "line", "DECISIONS": "relative"},
        {"IDLE_S": 0},
        {"IDLE_S": True},
        {"UNKNOWN_AFTER_S": "1 day"},
        {"DRAIN_S": -1},
        {"SEND_BUFFER": "64k"},
        {"SEND_BUFFER": 0},
        {"SEND_BUFFER": True},
        {"NAME": "x"},
        ["RECORD"],
    ],
)
def test_wrong_settings_are_told(settings: Any, wrong: Any) -> None:
    from xaccel.audit.conf import configuration
    from xaccel.errors import ConfigErrors

    settings.XACCEL_AUDIT = wrong
    with pytest.raises(ConfigErrors) as told:
        configuration()
    assert all("XACCEL_AUDIT" in problem.where and problem.remedy for problem in told.value.problems)


def test_all_problems_are_told_at_once(settings: Any) -> None:
    from xaccel.audit.conf import configuration
    from xaccel.errors import ConfigErrors

    settings.XACCEL_AUDIT = {"RECORD": "never", "IDLE_S": 0, "X": 1}
    with pytest.raises(ConfigErrors) as told:
        configuration()
    assert len(told.value.problems) == 3
