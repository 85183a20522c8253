"""An app in debug mode that is asked without NGINX sends a page, without a secret or a signed URL."""

from __future__ import annotations

import flask
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

import xaccel.flask
import xaccel.starlette
from tests.adapters.in_process import EACH, Ask, Asked
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel_testing import assert_hand_off

OLD, NEW = "old-23456789-abcdefghijklmnopqrstuvwxyz", "new-23456789-abcdefghijklmnopqrstuvwxyz"
SITE = {"SECRET": [NEW, OLD], "ORIGINS": {"disk": {"type": "local", "root": "/srv"}}}
KEY = {"key": "a.txt"}

each = pytest.mark.parametrize("ask", EACH)


@each
@pytest.mark.parametrize("token", [None, "", "forged", "é", nginx_token("another-secret")])
def test_in_debug_mode_a_client_gets_a_page_without_secrets(ask: Ask, token: str | None) -> None:
    headers = {} if token is None else {TOKEN_HEADER: token.encode().decode("latin-1")}
    response = ask(Asked(SITE, KEY, headers=headers, debug=True))
    assert response.status_code == 501
    assert response.get_data(as_text=True).startswith("This response is for NGINX; run `xaccel serve`.")
    assert not [name for name in dict(response.headers) if name.lower().startswith(("xaccel-", "x-accel-"))]
    assert ask(Asked(SITE, KEY, "HEAD", headers, debug=True)).data == b""


@each
@pytest.mark.parametrize("secret", [NEW, OLD])
def test_in_debug_mode_nginx_gets_the_hand_off(ask: Ask, secret: str) -> None:
    assert_hand_off(
        ask(Asked(SITE, KEY, headers={TOKEN_HEADER: nginx_token(secret)}, debug=True)), key="a.txt"
    )


@each
def test_without_debug_mode_the_token_is_not_looked_at(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xaccel.site.keys.is_from_nginx", None)
    assert_hand_off(ask(Asked(SITE, KEY)), key="a.txt")


def test_the_test_clients_of_the_frameworks_get_the_hand_off() -> None:
    app, files = flask.Flask("app"), xaccel.flask.Downloads(SITE)
    app.config.update(DEBUG=True, TESTING=True)
    app.add_url_rule("/", view_func=lambda: files.send_file("a.txt"))
    assert_hand_off(app.test_client().get("/"), key="a.txt")
    downloads = xaccel.starlette.Downloads(SITE)
    routes = [Route("/", lambda request: downloads.send_file(request, "a.txt"))]
    assert_hand_off(TestClient(Starlette(debug=True, routes=routes)).get("/"), key="a.txt")
