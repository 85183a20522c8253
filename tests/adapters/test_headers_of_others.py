"""Headers that other middleware sets on a hand-off: passed once, or named. test_middleware asks through NGINX."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from aiohttp import web
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

import xaccel.aiohttp
import xaccel.flask
import xaccel.starlette
from tests.adapters.in_process import Asked, over_aiohttp
from xaccel.handoff.middleware_headers import MiddlewareHeaders
from xaccel.site import read_mapping
from xaccel.site.site import ARCHIVES
from xaccel.wsgi import Downloads, HandOffMiddleware

SITE: dict[str, Any] = {
    "SECRET": "s" * 32,
    "ORIGINS": {"media": {"type": "local", "root": "/srv/media"}},
    "RESPONSE_HEADERS": ["Vary", "X-Robots-Tag"],
}
FILES = Downloads(SITE)
NAMES = "Vary X-Robots-Tag Cache-Control Expires Content-Disposition Accept-Ranges X-Frame-Options".split()
SENT = "downloads are sent without"


def through(*set_later: tuple[str, str], twice: bool = False, **options: Any) -> dict[str, str]:
    """What NGINX gets of a hand-off on which a middleware set headers."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, *set_later], *more)

        return FILES.send_file(environ, start, "a.pdf", **options)

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    found: list[tuple[str, str]] = []
    middleware = HandOffMiddleware(app, FILES)
    for _ in range(1 + twice):
        found.clear()
        middleware(environ, lambda _, headers, *__: found.extend(headers))  # type: ignore[arg-type, return-value]
    shown = {name.removeprefix("Xaccel-Header-"): value for name, value in found}
    return {name: shown[name] for name in (*NAMES, "Xaccel-Cache-Control") if name in shown}


@pytest.mark.parametrize(
    ("set_later", "options", "wanted"),
    [
        ([("vary", "Origin"), ("Vary", "Cookie"), ("Vary", "Origin")], {}, {"Vary": "Origin, Cookie"}),
        ([("X-Robots-Tag", "none")], {"headers": {"x-robots-tag": "noindex"}}, {"X-Robots-Tag": "noindex"}),
        ([("Cache-Control", "No-Store")], {}, {"Xaccel-Cache-Control": "No-Store"}),
        (
            [("Cache-Control", "no-store")],
            {"cache_control": "private"},
            {"Xaccel-Cache-Control": "private"},
        ),
        ([("Expires", "0"), ("Content-Disposition", "inline"), ("Accept-Ranges", "bytes")], {}, {}),
    ],
)
def test_a_header_is_passed_once_and_the_views_own_wins(
    set_later: list[tuple[str, str]], options: dict[str, Any], wanted: dict[str, str]
) -> None:
    assert through(*set_later, **options) == wanted


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("X-Robots-Tag", "né", "X-Robots-Tag was dropped"),
        ("Cache-Control", "public", "'public' was dropped from a download: it lets shared caches store it"),
        ("Cache-Control", "max-age=60", "'max-age=60' was dropped"),
    ],
)
def test_a_value_that_no_download_may_have_is_dropped_with_a_warning(
    name: str, value: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert through((name, value)) == {}
    assert said in caplog.text


def test_headers_that_nginx_drops_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    through(("x-frame-options", "DENY"), ("Set-Cookie", "a=b"), ("Referrer-Policy", "x"), twice=True)
    assert caplog.messages == [
        f"{SENT} Referrer-Policy, X-Frame-Options, which middleware sets. List them in RESPONSE_HEADERS, and generate"
        " the NGINX configuration again."
    ]


@pytest.mark.parametrize(("value", "named"), [("Cookie", False), ("Origin", True)])
def test_vary_is_named_unless_it_is_a_sessions(
    caplog: pytest.LogCaptureFixture, value: str, named: bool
) -> None:
    site = read_mapping.read({**SITE, "RESPONSE_HEADERS": []}, "here")
    MiddlewareHeaders(site).carried([("Xaccel-Auth", site.secrets[0]), ("Vary", value)])
    assert any(text.startswith(f"{SENT} Vary,") for text in caplog.messages) is named


def starlette(*, switched_on: bool) -> Any:
    files = xaccel.starlette.Downloads(SITE)

    async def download(request: Request) -> Response:
        return await files.asend_file(request, "a.pdf")

    async def page(request: Request) -> Response:
        return PlainTextResponse("page")

    on = [Middleware(xaccel.starlette.HandOffMiddleware, downloads=files)] if switched_on else []
    middleware = [*on, Middleware(CORSMiddleware, allow_origins=["https://spa.example"])]
    return TestClient(Starlette(routes=[Route("/", download), Route("/page", page)], middleware=middleware))


def flask(*, switched_on: bool) -> Any:
    app, files = Flask("others"), xaccel.flask.Downloads(SITE)
    if switched_on:
        files.init_app(app)

    @app.after_request
    def vary(response: Any) -> Any:
        response.headers["Vary"] = "Origin"
        return response

    app.add_url_rule("/", "file", lambda: files.send_file("a.pdf"))
    app.add_url_rule("/page", "page", lambda: "page")
    return app.test_client()


CLIENTS = {starlette: "CORSMiddleware. Add it last", flask: "vary. Call init_app(app)"}


def test_other_responses_and_scopes_pass_unchanged() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(scope["message"])

    async def send(message: Any) -> None:
        seen.append(message)

    for message in (
        {"type": "lifespan.startup.complete"},
        {"type": "http.response.start", "status": 204},
        {"type": "http.response.start", "status": 200, "headers": [(b"Expires", b"\xe9")]},
        {"type": "http.response.start", "status": 200, "headers": [(b"Xaccel-Auth", b"z"), (b"Vary", b"a")]},
    ):
        scope = {"type": "http", "path": "/", "headers": [], "message": message}
        asyncio.run(xaccel.starlette.HandOffMiddleware(app, FILES)(scope, None, send))
        assert seen.pop() is message


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_only_a_request_of_http_gets_a_response_for_nginx(kind: str) -> None:
    files = xaccel.starlette.Downloads({**SITE, "ARCHIVES": {"app": "127.0.0.1:8000"}})
    scope: Any = {"type": kind, "path": f"{files.sender.site.internal_prefix}{ARCHIVES}/x", "headers": []}
    calls: list[Any] = []

    async def app(*given: Any) -> None:
        calls.append(given)

    asyncio.run(xaccel.starlette.HandOffMiddleware(app, files)({**scope}, None, app))
    assert calls == [(scope, None, app)]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_not_switched_on_is_named_at_the_first_download(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    origin = {"Origin": "https://spa.example"}
    off, on = client(switched_on=False), client(switched_on=True)
    answers = [off.get(path, headers=origin).headers for path in ("/", "/", "/page")]
    [said] = caplog.messages
    assert f"{SENT} the headers, except cookies, of " in said
    assert CLIENTS[client] in said
    assert [answer.get("Xaccel-Header-Vary") for answer in answers] == [None] * 3
    download, page = (on.get(path, headers=origin).headers for path in ("/", "/page"))
    assert ("Vary" in download, download["Xaccel-Header-Vary"]) == (False, "Origin")
    assert (page["Vary"], "Xaccel-Header-Vary" in page) == ("Origin", False)
    assert [message for message in caplog.messages if "Vary" in message] == []


@pytest.mark.parametrize(
    ("is_first", "warning"),
    [
        (None, "without the headers, except cookies, of prepare. Call setup(app) of Downloads last"),
        (True, "without the headers of prepare. Call setup(app) after them"),
        (False, ""),
    ],
    ids=["missing", "first", "last"],
)
def test_headers_of_on_response_prepare_reach_downloads_if_setup_is_last(
    is_first: bool | None, warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    files, app = xaccel.aiohttp.Downloads(SITE), web.Application()
    name = "X-Robots-Tag"

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers[name] = "x"

    prepare.__qualname__ = "prepare"

    async def handler(request: web.Request) -> web.Response:
        return await files.asend_file(request, "a.pdf")

    app.router.add_get("/", handler)
    if is_first:
        files.setup(app)
    app.on_response_prepare.append(prepare)
    if is_first is False:
        files.setup(app)
    response = over_aiohttp(app, Asked(SITE, {}, path="/"))
    assert response.headers.get(f"Xaccel-Header-{name}") == (None if warning else "x")
    assert warning in caplog.text if warning else not caplog.text
