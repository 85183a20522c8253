"""A session whose content is signed into its cookie has no stable id: a grant for it is an error in each adapter."""

from __future__ import annotations

from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

import xaccel.flask
import xaccel.starlette
from xaccel.site.site import SCOPE_HEADER, TOKEN_HEADER, nginx_token

SECRET = "grants-0123456789-abcdefghijklmnopqrstuvwxyz"
SESSION = "0123456789abcdef"
HEADERS = {TOKEN_HEADER: nginx_token(SECRET), SCOPE_HEADER: "/files/a", "Cookie": f"own={SESSION}"}


def site(cookie: str) -> dict[str, Any]:
    return {
        "SECRET": SECRET,
        "ORIGINS": {"disk": {"type": "local", "root": "/srv"}},
        "GRANTS": {"app": "127.0.0.1:8000", "paths": ["/files/"], "cookie": cookie},
    }


def of_flask(cookie: str) -> Any:
    app, files = flask.Flask(__name__), xaccel.flask.Downloads(site(cookie))

    def view() -> flask.Response:
        return files.send_file("a", grant=30, grant_session=flask.request.cookies.get("own", ""))

    app.add_url_rule("/files/a", view_func=view)
    client = app.test_client(use_cookies=False)  # else it replaces the header Cookie
    return client.get("/files/a", headers=HEADERS)


def of_starlette(cookie: str) -> Any:
    files = xaccel.starlette.Downloads(site(cookie))

    async def coroutine(request: Request) -> Response:
        return await files.asend_file(request, "a", grant=30, grant_session=request.cookies.get("own", ""))

    middleware = [Middleware(SessionMiddleware, secret_key="x")]
    app = Starlette(routes=[Route("/files/a", coroutine)], middleware=middleware)
    return TestClient(app).get("/files/a", headers=HEADERS)


@pytest.mark.parametrize("of", [of_flask, of_starlette])
def test_the_signed_cookie_of_the_framework_is_refused_and_another_cookie_is_not(
    of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert of("session").status_code == 400
    assert "the cookie 'session' has the signed content of the session" in caplog.text
    response = of("own")
    assert response.status_code == 200
    assert response.headers["Xaccel-Grant-For"] == SESSION
    assert response.headers[SCOPE_HEADER] == "/files/a"
