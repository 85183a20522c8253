"""Grants in each adapter: a cookie with signed content is no session, and objects of a folder are signed for NGINX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp_session
import flask
import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

import xaccel.aiohttp
import xaccel.asgi
import xaccel.flask
import xaccel.starlette
from tests.adapters.in_process import Asked, over_aiohttp
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import SCOPE_HEADER, TOKEN_HEADER

SECRET = "grants-0123456789-abcdefghijklmnopqrstuvwxyz"
SESSION = "0123456789abcdef"
HEADERS = {TOKEN_HEADER: nginx_token(SECRET), SCOPE_HEADER: "/files/a", "Cookie": f"own={SESSION}"}
BUCKET = {
    "type": "s3",
    "bucket": "files",
    "access_key": "AKIA",
    "secret_key": "s",
    "region": "us-east-1",
    "endpoint_url": "https://s3.example",
}
FOLDER: Any = {"grant": 30, "grant_session": SESSION, "grant_folder": "film/"}


def site(cookie: str = "own") -> dict[str, Any]:
    grants = {"app": "127.0.0.1:8000", "paths": ["/files/"], "folders": ["/files/*/"], "cookie": cookie}
    return {"SECRET": SECRET, "ORIGINS": {"bucket": BUCKET}, "GRANTS": grants}


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


def of_aiohttp(cookie: str) -> Any:
    files = xaccel.aiohttp.Downloads(site(cookie))

    async def handler(request: web.Request) -> web.StreamResponse:
        await aiohttp_session.get_session(request)
        return await files.asend_file(request, "a", grant=30, grant_session=request.cookies.get("own", ""))

    app = web.Application()
    aiohttp_session.setup(app, aiohttp_session.SimpleCookieStorage(cookie_name="session"))
    app.router.add_get("/files/a", handler)
    return over_aiohttp(app, Asked({}, {}, headers=HEADERS, path="/files/a"))


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")  # aiohttp-session's
@pytest.mark.parametrize("of", [of_flask, of_starlette, of_aiohttp])
def test_the_signed_cookie_of_the_framework_is_refused_and_another_cookie_is_not(
    of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert of("session").status_code == 400
    assert "the cookie 'session' has the signed content of the session" in caplog.text
    response = of("own")
    assert response.status_code == 200
    assert response.headers["Xaccel-Grant-For"] == SESSION
    assert response.headers[SCOPE_HEADER] == "/files/a"


def folder_in_flask() -> Any:
    app, files = flask.Flask(__name__), xaccel.flask.Downloads(site())
    files.init_app(app)
    app.add_url_rule("/files/7/<name>", view_func=lambda name: files.send_file(f"film/{name}", **FOLDER))
    return app.test_client(use_cookies=False).get


def folder_in_starlette() -> Any:
    files = xaccel.starlette.Downloads(site())

    async def coroutine(request: Request) -> Response:
        return await files.asend_file(request, f"film/{request.path_params['name']}", **FOLDER)

    app = Starlette(routes=[Route("/files/7/{name}", coroutine)])
    app.add_middleware(xaccel.starlette.HandOffMiddleware, downloads=files)
    return TestClient(app).get


def folder_in_asgi() -> Any:
    files = xaccel.asgi.Downloads(site())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await files.asend_file(scope, send, f"film/{scope['path'].rpartition('/')[2]}", **FOLDER)

    return TestClient(xaccel.asgi.HandOffMiddleware(app, files)).get


def folder_in_aiohttp() -> Any:
    files = xaccel.aiohttp.Downloads(site())

    async def handler(request: web.Request) -> web.StreamResponse:
        return await files.asend_file(request, f"film/{request.match_info['name']}", **FOLDER)

    def get(path: str, headers: Mapping[str, str] | None = None) -> Any:
        app = web.Application()
        app.router.add_get("/files/7/{name}", handler)
        files.setup(app)
        return over_aiohttp(app, Asked({}, {}, headers=headers or {}, path=path))

    return get


@pytest.mark.parametrize("of", [folder_in_aiohttp, folder_in_flask, folder_in_starlette, folder_in_asgi])
def test_the_url_of_each_object_of_a_granted_folder_is_signed_for_nginx_alone(of: Any) -> None:
    get = of()
    granted = get("/files/7/s1.ts", headers={**HEADERS, SCOPE_HEADER: "*/files/7/ s1.ts"})
    assert (granted.status_code, granted.headers["Xaccel-Grant-Place"]) == (200, "/_xaccel/bucket/sign")
    path = f"/_xaccel/.sign{granted.headers['Xaccel-Grant-Url']}s2.ts"
    signed = get(path, headers={TOKEN_HEADER: nginx_token(SECRET)})
    assert (signed.status_code, signed.headers["X-Accel-Expires"]) == (200, "300")
    assert signed.headers["Xaccel-Url"].startswith("https://s3.example/files/film/s2.ts?")
    assert get(path).status_code == 404
    assert "Xaccel-Url" not in get(path).headers
