"""RedirectMiddleware in process: what it leaves alone. tests/live/redirects/test_in_the_app.py asks through NGINX."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from werkzeug.test import Client

import xaccel.aiohttp
import xaccel.asgi
import xaccel.wsgi
from tests.adapters.in_process import Asked, over_aiohttp, over_asgi
from xaccel import ConfigError
from xaccel.site.keys import nginx_token
from xaccel.site.protocol import TOKEN_HEADER
from xaccel_testing import assert_hand_off

SECRET = "redirects-6789-abcdefghijklmnopqrstuvwxyz"
SITE: dict[str, Any] = {
    "SECRET": SECRET,
    "ORIGINS": {"partner": {"type": "http", "base_url": "https://files.example/shared/"}},
    "REDIRECTS": {"origins": ["partner"], "allow_unsigned": ["partner"], "subject": "X-User"},
}
URL = "https://files.example/shared/a.txt?v=1"
BODY = b"moved"
Ask = Callable[..., Any]


def in_wsgi(*headers: tuple[str, str], debug: bool = False, **request: str) -> Any:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("302 Found", [("Location", URL), *headers])
        return [BODY]

    app_around = xaccel.wsgi.RedirectMiddleware(app, xaccel.wsgi.Downloads(SITE), debug=debug)
    return Client(app_around).get("/f", headers=request)


def in_asgi(*headers: tuple[str, str], debug: bool = False, **request: str) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raw = [(name.encode(), value.encode()) for name, value in [("Location", URL), *headers]]
        await send({"type": "http.response.start", "status": 302, "headers": raw})
        for block in (BODY, b""):
            await send({"type": "http.response.body", "body": block, "more_body": bool(block)})

    app_around = xaccel.asgi.RedirectMiddleware(app, xaccel.asgi.Downloads(SITE), debug=debug)
    return over_asgi(app_around, Asked(SITE, {}, headers=request))


def in_aiohttp(*headers: tuple[str, str], debug: bool = False, **request: str) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=BODY, status=302, headers=[("Location", URL), *headers])

    follow = xaccel.aiohttp.redirect_middleware(xaccel.aiohttp.Downloads(SITE), debug=debug)
    app = web.Application(middlewares=[follow])
    app.router.add_get("/f", handler)
    return over_aiohttp(app, Asked(SITE, {}, headers=request))


each = pytest.mark.parametrize("ask", [in_wsgi, in_asgi, in_aiohttp])


@each
def test_the_hand_off_has_the_headers_of_the_redirect_and_not_its_body(ask: Ask) -> None:
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    response = ask(*cookies, ("X-User", "ann"), ("Xaccel-Size", "1"), ("X-Own", "mine"))
    assert_hand_off(response, key="a.txt", subject="ann")
    assert response.data == b""
    assert response.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    names = {name.lower() for name, _ in response.headers}
    assert "x-own" in names
    assert not names & {"location", "x-user", "xaccel-size"}


@each
def test_in_debug_mode_the_redirect_passes_unless_nginx_asks(ask: Ask) -> None:
    response = ask(("X-User", "ann"), debug=True)
    assert (response.status_code, response.data, response.headers["Location"]) == (302, BODY, URL)
    assert "X-User" not in response.headers
    assert_hand_off(ask(debug=True, **{TOKEN_HEADER: nginx_token(SECRET)}), key="a.txt")


@each
def test_a_hand_off_of_the_apps_own_stays(ask: Ask) -> None:
    response = ask(("X-Accel-Redirect", "/elsewhere/a"))
    assert (response.headers["X-Accel-Redirect"], response.data) == ("/elsewhere/a", BODY)


@pytest.mark.parametrize(("location", "status"), [(URL, 200), ("/login", 302)])
def test_a_wsgi_app_may_be_a_generator(location: str, status: int) -> None:
    """It starts its response only while that is read, after the middleware has returned."""
    is_closed = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("302 Found", [("Location", location)])
            yield BODY
        finally:
            is_closed.append(True)

    response = Client(xaccel.wsgi.RedirectMiddleware(app, xaccel.wsgi.Downloads(SITE))).get("/")
    assert (response.status_code, response.data) == (status, b"" if status == 200 else BODY)
    assert is_closed == [True]


def test_blocks_that_a_server_may_know_pass_untouched() -> None:
    blocks = iter([BODY])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return blocks

    middleware = xaccel.wsgi.RedirectMiddleware(app, xaccel.wsgi.Downloads(SITE))
    assert middleware({"REQUEST_METHOD": "GET"}, lambda *_: None) is blocks  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("redirects", [None, {"app": "127.0.0.1:3000", "paths": ["/files/"]}])
def test_a_site_in_which_nothing_or_nginx_follows_is_refused(redirects: Any) -> None:
    site = {**SITE, "REDIRECTS": redirects and {**SITE["REDIRECTS"], **redirects}}
    site = {key: value for key, value in site.items() if value}
    with pytest.raises(ConfigError, match="RedirectMiddleware"):
        xaccel.wsgi.RedirectMiddleware(lambda *_: [], xaccel.wsgi.Downloads(site))
