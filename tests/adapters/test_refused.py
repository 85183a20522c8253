"""What an app without a handler of its own responds to invalid input, and what it logs."""

from __future__ import annotations

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.in_process import EACH, Ask, Asked, Given
from tests.live.client import ask
from xaccel_testing import app_server

SITE: dict[str, Any] = {
    "SECRET": "s" * 32,
    "ORIGINS": {
        "media": {"type": "local", "root": "/srv/media"},
        "more": {"type": "local", "root": "/srv/more"},
    },
}
every_framework = pytest.mark.parametrize("ask", EACH)
KEY = {"key": "a.pdf", "origin": "media"}
STORED = [
    {"key": "../x", "origin": "media"},
    {"key": "", "origin": "media"},
    {**KEY, "filename": "a\nb.pdf"},
    {**KEY, "filename": "a\r\nX-Injected: 1"},
]
MISTAKES = [
    {"key": "a.pdf"},
    {"key": "a.pdf", "origin": "nowhere"},
    {"url": "https://elsewhere.example/a"},
    {"url": lambda method: "https://elsewhere.example/a"},
    {**KEY, "headers": {"X-Undeclared": "1"}},
    {**KEY, "limit_rate": -1},
]


@every_framework
@pytest.mark.parametrize("given", STORED)
def test_a_stored_key_or_name_that_is_invalid_is_404_and_a_denial(
    ask: Ask, given: Given, caplog: pytest.LogCaptureFixture
) -> None:
    response = ask(Asked(SITE, {**given, "subject": "42"}))
    assert response.status_code == HTTPStatus.NOT_FOUND
    assert b"X-Injected" not in response.data
    said, denial = (record for record in caplog.records if record.name == "xaccel")
    assert (said.levelno, "404" in said.getMessage()) == (logging.WARNING, True)
    event = denial.__dict__["xaccel"]
    assert (event.allowed, event.origin, event.key, event.subject) == (False, "media", given["key"], "42")
    assert event.reason in ("KeyRefused", "FileNameRefused")


@every_framework
@pytest.mark.parametrize("given", MISTAKES)
def test_a_mistake_in_the_call_is_400_and_its_traceback_is_logged(
    ask: Ask, given: Given, caplog: pytest.LogCaptureFixture
) -> None:
    response = ask(Asked(SITE, given))
    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert b"elsewhere" not in response.data
    [said] = [record for record in caplog.records if record.name == "xaccel"]
    assert said.levelno == logging.ERROR
    assert said.exc_info


@every_framework
def test_the_apps_own_handler_comes_first(ask: Ask) -> None:
    for given, error in (
        ({"key": "../x", "origin": "media"}, "KeyRefused"),
        ({"key": "a.pdf"}, "OriginUnknown"),
    ):
        response = ask(Asked(SITE, given, own=True))
        assert (response.status_code, response.data) == (422, f"own {error}".encode())


APP = """\
from flask import Flask
from xaccel.flask import Downloads

app, files = Flask(__name__), Downloads({site!r})
app.add_url_rule("/denied", "denied", lambda: files.deny_download(key="plan.pdf", subject="42", reason="no grant"))
app.add_url_rule("/refused", "refused", lambda: files.send_file("../x", origin="media"))
"""


@pytest.mark.parametrize(
    ("path", "status", "logged"),
    [
        ("denied", 403, "download denied: key='plan.pdf' subject='42' reason='no grant'"),
        ("refused", 404, "download denied: origin='media' key='../x' reason='KeyRefused'"),
    ],
)
def test_gunicorn_shows_a_denial_of_an_app_that_configures_no_logging(
    tmp_path: Path, path: str, status: int, logged: str
) -> None:
    (tmp_path / "app.py").write_text(APP.format(site=SITE))
    with app_server(tmp_path / "run", "app:app", cwd=tmp_path, workers=1) as server:
        reply = ask(int(server.address.rpartition(":")[2]), f"/{path}")
        assert reply.status == status
        assert logged in server.log
