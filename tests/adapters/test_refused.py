"""What an app without a handler of its own responds to invalid input, and what it logs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import fastapi
import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from werkzeug.test import Client

import xaccel.asgi
import xaccel.flask
import xaccel.starlette
import xaccel.wsgi
from tests.live.client import ask
from xaccel import InputRefused
from xaccel_testing import app_server

SITE: dict[str, Any] = {
    "SECRET": "s" * 32,
    "ORIGINS": {
        "media": {"type": "local", "root": "/srv/media"},
        "more": {"type": "local", "root": "/srv/more"},
    },
}
ROOT = Path(__file__).parents[2]
Given = dict[str, Any]
Ask = Callable[[Given], tuple[int, bytes]]
"""Ask an app that calls send_file with these arguments; status and body."""


def in_flask(given: Given, *, own: bool = False) -> tuple[int, bytes]:
    app, files = flask.Flask("refused"), xaccel.flask.Downloads(SITE)
    app.add_url_rule("/f", "f", lambda: files.send_file(**given))
    if own:
        app.register_error_handler(InputRefused, lambda error: (f"own {type(error).__name__}", 422))
    reply = app.test_client().get("/f")
    return reply.status_code, reply.data


def own_page(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"own {type(error).__name__}", 422)


def handlers(own: bool) -> Any:
    return {InputRefused: own_page} if own else {}


def in_starlette(given: Given, *, own: bool = False) -> tuple[int, bytes]:
    files = xaccel.starlette.Downloads(SITE)
    app = Starlette(
        routes=[Route("/f", lambda request: files.send_file(request, **given))],
        exception_handlers=handlers(own),
    )
    reply = TestClient(app).get("/f")
    return reply.status_code, reply.content


def in_fastapi(given: Given, *, own: bool = False) -> tuple[int, bytes]:
    files, app = xaccel.starlette.Downloads(SITE), fastapi.FastAPI(exception_handlers=handlers(own))

    @app.get("/f")
    async def send(request: fastapi.Request) -> Response:
        return await files.asend_file(request, **given)

    reply = TestClient(app).get("/f")
    return reply.status_code, reply.content


class OwnWsgi(xaccel.wsgi.Downloads):
    def refuse_invalid(self, environ: Any, start_response: Any, refused: InputRefused, status: int) -> Any:
        start_response("422 Unprocessable Content", [])
        return [f"own {type(refused).__name__}".encode()]


def in_wsgi(given: Given, *, own: bool = False) -> tuple[int, bytes]:
    files = (OwnWsgi if own else xaccel.wsgi.Downloads)(SITE)
    reply = Client(lambda environ, start: files.send_file(environ, start, **given)).get("/f")
    return reply.status_code, reply.data


class OwnAsgi(xaccel.asgi.Downloads):
    async def arefuse_invalid(self, scope: Any, send: Any, refused: InputRefused, status: int) -> None:
        await send({"type": "http.response.start", "status": 422})
        await send({"type": "http.response.body", "body": f"own {type(refused).__name__}".encode()})


def in_asgi(given: Given, *, own: bool = False) -> tuple[int, bytes]:
    files, sent = (OwnAsgi if own else xaccel.asgi.Downloads)(SITE), []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Given = {"type": "http", "method": "GET", "path": "/f", "headers": [], "query_string": b""}
    asyncio.run(files.asend_file(scope, send, **given))
    return sent[0]["status"], sent[1]["body"]


every_framework = pytest.mark.parametrize("ask", [in_flask, in_starlette, in_fastapi, in_wsgi, in_asgi])
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
    status, body = ask({**given, "subject": "42"})
    assert status == HTTPStatus.NOT_FOUND
    assert b"X-Injected" not in body
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
    status, body = ask(given)
    assert status == HTTPStatus.BAD_REQUEST
    assert b"elsewhere" not in body
    [said] = [record for record in caplog.records if record.name == "xaccel"]
    assert said.levelno == logging.ERROR
    assert said.exc_info


@every_framework
def test_the_apps_own_handler_comes_first(ask: Callable[..., tuple[int, bytes]]) -> None:
    assert ask({"key": "../x", "origin": "media"}, own=True) == (422, b"own KeyRefused")
    assert ask({"key": "a.pdf"}, own=True) == (422, b"own OriginUnknown")


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
