"""An app that responds as the request header X-Answer says, plain and with RedirectMiddleware of each kind.

X-Answer: JSON of a status and of a list of headers. The site is in the environment, as JSON in REDIRECTS_SITE.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import re_path

import xaccel.aiohttp
import xaccel.asgi
import xaccel.wsgi
from tests.live.redirects.scene import APP_BODY as BODY

SITE: dict[str, Any] = json.loads(os.environ["REDIRECTS_SITE"])


def plain(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    status, headers = json.loads(environ["HTTP_X_ANSWER"])
    start_response(f"{status} x", [*map(tuple, headers), ("Content-Length", str(len(BODY)))])
    yield BODY


async def aplain(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    status, headers = json.loads(dict(scope["headers"])[b"x-answer"])
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    raw.append((b"content-length", str(len(BODY)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": BODY})


def view(request: HttpRequest) -> HttpResponse:
    status, headers = json.loads(request.headers["X-Answer"])
    response = HttpResponse(BODY, status=status)
    for name, value in headers:
        if name == "Set-Cookie":
            key, _, said = value.partition("=")
            response.set_cookie(key, said)
        else:
            response[name] = value
    return response


_wsgi, _asgi = xaccel.wsgi.Downloads(SITE), xaccel.asgi.Downloads(SITE)
wsgi = xaccel.wsgi.HandOffMiddleware(xaccel.wsgi.RedirectMiddleware(plain, _wsgi), _wsgi)
asgi = xaccel.asgi.HandOffMiddleware(xaccel.asgi.RedirectMiddleware(aplain, _asgi), _asgi)


async def handler(request: web.Request) -> web.Response:
    status, headers = json.loads(request.headers["X-Answer"])
    if status == 302:
        raise _Found(body=BODY, headers=[*map(tuple, headers)])
    return web.Response(body=BODY, status=status, headers=[*map(tuple, headers)])


class _Found(web.HTTPException):
    """A redirect that is raised, as Pulp's content app raises it."""

    status_code = 302


_aiohttp = xaccel.aiohttp.Downloads(SITE)
aiohttp = web.Application(middlewares=[xaccel.aiohttp.redirect_middleware(_aiohttp)])
aiohttp.router.add_route("*", "/{path:.*}", handler)
_aiohttp.setup(aiohttp)
settings.configure(
    SECRET_KEY="s",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["xaccel.django.HandOffMiddleware", "xaccel.django.redirects.RedirectMiddleware"],
    XACCEL=SITE,
)
urlpatterns = [re_path("", view)]
django, adjango = get_wsgi_application(), get_asgi_application()
