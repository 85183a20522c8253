"""A user's apps on each adapter, which `mypy --strict` reads against the installed wheel, and which Python imports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, assert_type

import django
from aiohttp import web
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from flask import Flask
from flask import Response as FlaskResponse
from starlette.requests import Request
from starlette.responses import Response

import xaccel.aiohttp
import xaccel.asgi
import xaccel.flask
import xaccel.starlette
import xaccel.wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
SITE = {"SECRET": "0123456789-abcdefghijklmnopqrstuv", "ORIGINS": {"partner": PARTNER}}

settings.configure(
    SECRET_KEY="only for this test",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["xaccel.django"],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
    XACCEL={"ORIGINS": {"partner": PARTNER}},
    USE_TZ=True,
)
django.setup()

from xaccel.django import asend_file, deny_download, send_file


def of_django(request: HttpRequest, key: str) -> HttpResponseBase:
    if key == "denied":
        deny_download(request, status=404, key=key, reason="no reader")
    return send_file(request, key, filename="b.pdf", as_attachment=True, limit_rate="unlimited")


async def of_django_too(request: HttpRequest) -> HttpResponseBase:
    return await asend_file(request, "a.pdf", etag="v1", size=5)


urlpatterns = [path("files/<key>", of_django), path("too", of_django_too)]

flask_files, app = xaccel.flask.Downloads(SITE), Flask(__name__)


@app.get("/<key>")
def of_flask(key: str) -> FlaskResponse:
    if key == "denied":
        flask_files.deny_download(status=404, key=key)
    return flask_files.send_file(key, as_attachment=True)


starlette_files = xaccel.starlette.Downloads(SITE)


async def of_starlette(request: Request) -> Response:
    if request.method == "POST":
        starlette_files.deny_download(request, subject="42")
    assert_type(starlette_files.send_file(request, "a.pdf"), Response)
    return await starlette_files.asend_file(request, "a.pdf", subject="42")


aiohttp_files = xaccel.aiohttp.Downloads(SITE)


async def of_aiohttp(request: web.Request) -> web.Response:
    if request.method == "POST":
        await aiohttp_files.adeny_download(request, subject="42")
    return await aiohttp_files.asend_file(request, "a.pdf", subject="42")


wsgi_files = xaccel.wsgi.Downloads(SITE)


def of_wsgi(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/denied":
        return wsgi_files.deny_download(environ, start_response, reason="no reader")
    return wsgi_files.send_file(environ, start_response, "a.pdf", concurrency="unlimited")


asgi_files = xaccel.asgi.Downloads(SITE)


async def of_asgi(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    await asgi_files.asend_file(scope, send, "a.pdf", headers={})
