"""Decisions of the app are recorded in the request."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import hypothesis
import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.conftest import ODD_TEXT
from xaccel.audit.models import Transfer
from xaccel.audit.record import record
from xaccel.audit.settings import audit_settings
from xaccel.django import adeny_download, deny_download
from xaccel.errors import ConfigErrors
from xaccel.events import DownloadEvent, denied
from xaccel.handoff.identifiers import new_transfer_id

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> list[Any]:
    return list(Transfer.objects.order_by("id"))


def test_a_decision_is_a_row_before_the_answer_goes_out(client: Any) -> None:
    answer = client.get(
        "/send", {"key": "größe.pdf", "cache_version": "v7", "subject": "42"}, HTTP_USER_AGENT="curl/8"
    )
    (row,) = rows()
    assert str(row.id) == answer["Xaccel-Id"]
    assert (row.outcome, row.origin, row.key, row.version) == ("granted", "partner", "größe.pdf", "v7")
    assert (row.subject, row.method, row.filename, row.reason) == ("42", "GET", "größe.pdf", "")
    assert row.decided_at is not None
    assert (row.ended_at, row.ip, row.status) == (None, None, None)
    assert len(row.client) == 16


@contextmanager
def database_away() -> Iterator[None]:
    """Let connections fail as to a server that is down."""
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "/no/such/database"
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@pytest.mark.parametrize("path", ["/send", "/deny"])
@pytest.mark.parametrize("is_async", [False, True])
def test_while_the_database_is_down_a_download_is_503(
    path: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with database_away():
        if is_async:
            answer = async_to_sync(AsyncClient().get)(path, {"key": "a.pdf"})
        else:
            answer = Client().get(path, {"key": "a.pdf"})
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "5", "no-store")
    assert "X-Accel-Redirect" not in answer
    assert b"not available at the moment" in answer.content
    [logged] = [record for record in caplog.records if record.name == "xaccel" and record.exc_info]
    assert "could not be recorded" in logged.message
    assert rows() == []


SPOOFED = {"X-Real-IP": "203.0.113.9", "X-Forwarded-For": "203.0.113.9"}


@pytest.mark.parametrize(
    ("header", "request_of", "recorded"),
    [
        ("", ("192.0.2.1", SPOOFED), "192.0.2.1"),
        ("", ("", SPOOFED), None),
        ("", ("::ffff:192.0.2.1", {}), "192.0.2.1"),
        ("X-Real-IP", ("10.0.0.1", SPOOFED), "203.0.113.9"),
        ("X-Real-IP", ("10.0.0.1", {}), None),
        ("X-Real-IP", ("10.0.0.1", {"X-Real-IP": "'; DROP TABLE"}), None),
        ("X-Real-IP", ("10.0.0.1", {"X-Real-IP": "fe80::1%eth0"}), "fe80::1"),
        ("X-Forwarded-For", ("10.0.0.1", {"X-Forwarded-For": "203.0.113.9, 192.0.2.2"}), "192.0.2.2"),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_denied_download_has_the_clients_address(
    settings: Any, header: str, request_of: tuple[str, dict[str, str]], recorded: str | None, is_async: bool
) -> None:
    settings.XACCEL_AUDIT = {"ADDRESS_HEADER": header}
    factory = AsyncRequestFactory() if is_async else RequestFactory()
    request: Any = factory.get("/", headers=request_of[1])
    request.META["REMOTE_ADDR"] = request_of[0]
    with pytest.raises(PermissionDenied):
        (async_to_sync(adeny_download) if is_async else deny_download)(request, key="a.pdf")
    assert [row.ip for row in rows()] == [recorded]


@pytest.mark.parametrize(
    ("query", "condition", "status", "row"),
    [
        ({"key": "../x"}, {}, 404, ("denied", "KeyRefused", "", "192.0.2.1")),
        (
            {"etag": "x"},
            {"If-None-Match": '"x"'},
            304,
            ("not_modified", "304 by the app", '"x"', "192.0.2.1"),
        ),
        ({"etag": "x"}, {"If-Match": '"y"'}, 412, ("refused", "412 by the app", '"x"', "192.0.2.1")),
        ({}, {"If-None-Match": '"x"'}, 200, ("granted", "", "", None)),
    ],
    ids=["404", "304", "412", "hand-off"],
)
def test_what_the_app_responds_to_is_a_whole_row_with_the_address_and_nginx_adds_it_to_others(
    client: Any, query: dict[str, str], condition: dict[str, str], status: int, row: tuple[Any, ...]
) -> None:
    answer = client.get("/send", {"key": "a", **query}, headers=condition, REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == status
    assert [(found.outcome, found.reason, found.version, found.ip) for found in rows()] == [row]


def test_an_app_may_know_the_address_better() -> None:

    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1")
    for ip in ("192.0.2.1", "nonsense"):
        with pytest.raises(PermissionDenied):
            deny_download(request, key="a", ip=ip)
    assert [row.ip for row in rows()] == ["192.0.2.1", None]


def test_two_programs_are_two_clients(client: Any) -> None:
    for agent in ("curl/8", "curl/8", "Wget/1"):
        client.get("/send", {"key": "a"}, HTTP_USER_AGENT=agent)
    assert len({row.client for row in rows()}) == 2


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"key": "."}, "KeyRefused"),
        ({"key": "../../../etc/hosts"}, "KeyRefused"),
        ({"key": "a.pdf", "filename": "one\u2029two.pdf"}, "FileNameRefused"),
    ],
)
def test_stored_data_that_cannot_be_sent_are_a_denied_row_and_a_404(
    asked: dict[str, str], reason: str
) -> None:
    assert Client().get("/send", {**asked, "subject": "42"}).status_code == 404
    (row,) = rows()
    assert (row.outcome, row.origin, row.key) == ("denied", "partner", asked["key"])
    assert (row.subject, row.reason) == ("42", reason)


def test_what_no_index_holds_is_recorded_and_found(client: Any, capsys: Any) -> None:
    long = secrets.token_hex(2000)  # an argument of a command must not begin with "-"
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


def stored(text: str) -> str:
    return "".join("�" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text)


_TEXTS = [
    field.name for field in fields(DownloadEvent) if field.type == "str" and field.name != "transfer_id"
]


@hypothesis.settings(max_examples=50, deadline=None)
@given(said=st.fixed_dictionaries(dict.fromkeys(_TEXTS, ODD_TEXT)))
def test_each_text_of_a_decision_is_stored(said: dict[str, str]) -> None:
    record(
        None,
        request=RequestFactory().get("/"),
        event=DownloadEvent(**said, allowed=False, at=datetime.now(UTC)),
    )
    row = Transfer.objects.get()
    row.delete()
    expected = {name: stored(text) for name, text in said.items() if name not in ("key", "bucket", "ip")}
    expected["key"] = stored(f"{said['bucket']}/{said['key']}" if said["bucket"] else said["key"])
    assert {name: getattr(row, name) for name in expected} == expected


def test_a_decision_whose_transfer_has_a_row_is_not_carried_out() -> None:
    event = denied("GET", subject="42", origin="partner", bucket="", key="a", reason="no grant")
    event = replace(event, transfer_id=new_transfer_id(event.at))
    request = RequestFactory().get("/")
    record(None, request=request, event=event)
    with pytest.raises(IntegrityError):
        record(None, request=request, event=replace(event, key="b"))
    assert [row.key for row in rows()] == ["a"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"RECORD": "line", "DECISIONS": "/var/log/app/decisions.log"},
        {"IDLE_S": 0},
        {"IDLE_S": True},
        {"UNKNOWN_AFTER_S": "1 day"},
        {"DRAIN_S": -1},
        {"CHAIN": 1},
        {"SEND_BUFFER": 65536},
        {"NAME": "x"},
        {"CHAIN": "yes", "IDLE_S": 0, "X": 1},
        ["CHAIN"],
    ],
)
def test_wrong_settings_are_all_reported(settings: Any, wrong: Any) -> None:
    settings.XACCEL_AUDIT = wrong
    with pytest.raises(ConfigErrors) as told:
        audit_settings()
    problems = told.value.problems
    assert len(problems) == len(wrong)
    assert all("XACCEL_AUDIT" in problem.where and problem.remedy for problem in problems)
