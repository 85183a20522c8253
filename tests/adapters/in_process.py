"""An app of each adapter whose only view calls `send_file`, and what one request gets of it, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import fastapi
import flask
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from werkzeug.test import Client

import xaccel.aiohttp
import xaccel.asgi
import xaccel.flask
import xaccel.starlette
import xaccel.wsgi
from xaccel import InputRefused

Given = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A site, the arguments of `send_file`, and the request of a client.

    debug: whether the app is in debug mode. own: whether it has its own handler for InputRefused.
    """

    site: Any
    given: Given
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    debug: bool = False
    own: bool = False
    path: str = "/f"


Ask = Callable[[Asked], Any]
"""Returns a response as those of Flask are."""


def in_flask(asked: Asked) -> Any:
    app, files = flask.Flask("app"), xaccel.flask.Downloads(asked.site)
    app.config["DEBUG"] = asked.debug
    app.add_url_rule("/f", view_func=lambda: files.send_file(**asked.given))
    if asked.own:
        app.register_error_handler(InputRefused, lambda error: (f"own {type(error).__name__}", 422))
    return app.test_client().open("/f", method=asked.method, headers=dict(asked.headers))


class OwnWsgi(xaccel.wsgi.Downloads):
    def refuse_invalid(self, environ: Any, start_response: Any, refused: InputRefused, status: int) -> Any:
        start_response("422 Unprocessable Content", [])
        return [f"own {type(refused).__name__}".encode()]


def in_wsgi(asked: Asked) -> Any:
    files = (OwnWsgi if asked.own else xaccel.wsgi.Downloads)(asked.site, debug=asked.debug)
    client = Client(lambda environ, start: files.send_file(environ, start, **asked.given))
    return client.open("/f", method=asked.method, headers=dict(asked.headers))


class OwnAsgi(xaccel.asgi.Downloads):
    async def arefuse_invalid(self, scope: Any, send: Any, refused: InputRefused, status: int) -> None:
        await send({"type": "http.response.start", "status": 422})
        await send({"type": "http.response.body", "body": f"own {type(refused).__name__}".encode()})


def in_asgi(asked: Asked) -> Any:
    files = (OwnAsgi if asked.own else xaccel.asgi.Downloads)(asked.site, debug=asked.debug)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await files.asend_file(scope, send, **asked.given)

    return over_asgi(app, asked)


def in_starlette(asked: Asked) -> Any:
    files = xaccel.starlette.Downloads(asked.site)
    routes = [Route("/f", lambda request: files.send_file(request, **asked.given))]
    app = Starlette(debug=asked.debug, routes=routes, exception_handlers=handlers(asked))
    return over_asgi(app, asked)


def in_fastapi(asked: Asked) -> Any:
    files = xaccel.starlette.Downloads(asked.site)
    app = fastapi.FastAPI(debug=asked.debug, exception_handlers=handlers(asked))

    @app.api_route("/f", methods=["GET", "HEAD"])
    async def send(request: fastapi.Request) -> Response:
        return await files.asend_file(request, **asked.given)

    return over_asgi(app, asked)


def in_aiohttp(asked: Asked) -> Any:
    files = xaccel.aiohttp.Downloads(asked.site, debug=asked.debug)

    async def send(request: web.Request) -> web.StreamResponse:
        try:
            return await files.asend_file(request, **asked.given)
        except InputRefused as error:
            if not asked.own:
                raise
            return web.Response(text=f"own {type(error).__name__}", status=422)

    app = web.Application()
    app.router.add_route("*", "/f", send)
    return over_aiohttp(app, asked)


def over_aiohttp(app: web.Application, asked: Asked) -> flask.Response:
    async def ask() -> flask.Response:
        async with TestClient(TestServer(app)) as client:
            answer = await client.request(
                asked.method, asked.path, headers=dict(asked.headers), allow_redirects=False
            )
            return flask.Response(await answer.read(), answer.status, list(answer.headers.items()))

    return asyncio.run(ask())


def handlers(asked: Asked) -> Any:
    def page(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"own {type(error).__name__}", 422)

    return {InputRefused: page} if asked.own else {}


def over_asgi(app: Any, asked: Asked) -> flask.Response:
    """Ask as a server does; Starlette's TestClient tells the app that it is one."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in asked.headers.items()]
    path, _, query = asked.path.partition("?")
    target = {"path": path, "query_string": query.encode()}
    scope = {"type": "http", "method": asked.method, "headers": headers, **target}
    asyncio.run(app(scope, receive, send))
    [start] = [each for each in sent if each["type"] == "http.response.start"]
    names = [(name.decode(), value.decode()) for name, value in start.get("headers", ())]
    body = b"".join(each.get("body", b"") for each in sent[1:])
    return flask.Response(body, start["status"], names)


EACH: list[Ask] = [in_flask, in_starlette, in_fastapi, in_wsgi, in_asgi, in_aiohttp]
