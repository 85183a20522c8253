"""An app in debug mode that is asked without NGINX sends a page, without a secret or a signed URL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from werkzeug.test import Client

import xaccel.asgi
import xaccel.flask
import xaccel.starlette
import xaccel.wsgi
from xaccel.site.site import TOKEN_HEADER, nginx_token
from xaccel_testing import assert_hand_off

OLD, NEW = "old-23456789-abcdefghijklmnopqrstuvwxyz", "new-23456789-abcdefghijklmnopqrstuvwxyz"
SITE = {"SECRET": [NEW, OLD], "ORIGINS": {"disk": {"type": "local", "root": "/srv"}}}
Ask = Callable[[str, Mapping[str, str]], Any]


def flask_app(debug: bool, *, testing: bool = False) -> Ask:
    app, files = flask.Flask(__name__), xaccel.flask.Downloads(SITE)
    app.config.update(DEBUG=debug, TESTING=testing)
    app.add_url_rule("/", view_func=lambda: files.send_file("a.txt"))
    return lambda method, headers: app.test_client().open("/", method=method, headers=dict(headers))


def wsgi_app(debug: bool) -> Ask:
    files = xaccel.wsgi.Downloads(SITE, debug=debug)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        return files.send_file(environ, start_response, "a.txt")

    return lambda method, headers: Client(app).open("/", method=method, headers=dict(headers))


@dataclass
class Received:
    """What an ASGI app sent."""

    status_code: int
    headers: dict[str, str]
    text: str


def over_asgi(app: Any) -> Ask:
    """Ask as a server does; Starlette's TestClient tells the app that it is one."""

    def ask(method: str, headers: Mapping[str, str]) -> Received:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            sent.append(message)

        given = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": "/", "headers": given, "query_string": b""}
        asyncio.run(app(scope, receive, send))
        names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Received(sent[0]["status"], names, b"".join(each["body"] for each in sent[1:]).decode())

    return ask


def asgi_app(debug: bool) -> Ask:
    files = xaccel.asgi.Downloads(SITE, debug=debug)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await files.asend_file(scope, send, "a.txt")

    return over_asgi(app)


def starlette_app(debug: bool) -> Starlette:
    files = xaccel.starlette.Downloads(SITE)

    async def endpoint(request: Request) -> Response:
        return await files.asend_file(request, "a.txt")

    return Starlette(debug=debug, routes=[Route("/", endpoint)])


def starlette_apps(debug: bool) -> Ask:
    return over_asgi(starlette_app(debug))


@pytest.fixture(params=[flask_app, wsgi_app, asgi_app, starlette_apps])
def made(request: pytest.FixtureRequest) -> Callable[[bool], Ask]:
    made: Callable[[bool], Ask] = request.param
    return made


@pytest.mark.parametrize("token", [None, "", "forged", "é", nginx_token("another-secret")])
def test_in_debug_mode_a_client_gets_a_page_without_secrets(
    made: Callable[[bool], Ask], token: str | None
) -> None:
    headers = {} if token is None else {TOKEN_HEADER: token.encode().decode("latin-1")}
    response = made(True)("GET", headers)
    assert response.status_code == 501
    assert response.text.startswith("This response is for NGINX; run `xaccel serve`.")
    assert not [name for name in dict(response.headers) if name.lower().startswith(("xaccel-", "x-accel-"))]
    assert made(True)("HEAD", headers).text == ""


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_in_debug_mode_nginx_gets_the_hand_off(made: Callable[[bool], Ask], secret: str) -> None:
    assert_hand_off(made(True)("GET", {TOKEN_HEADER: nginx_token(secret)}), key="a.txt")


def test_without_debug_mode_the_token_is_not_looked_at(
    made: Callable[[bool], Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xaccel.handoff.without_nginx.is_from_nginx", None)
    assert_hand_off(made(False)("GET", {}), key="a.txt")


def test_the_test_clients_of_the_frameworks_get_the_hand_off() -> None:
    assert_hand_off(flask_app(True, testing=True)("GET", {}), key="a.txt")
    assert_hand_off(TestClient(starlette_app(True)).get("/"), key="a.txt")
