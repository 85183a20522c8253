"""Plain ASGI, Starlette or FastAPI, whichever is here: a first download, asked as a server asks."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Any

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
SITE = {"SECRET": "0123456789-abcdefghijklmnopqrstuv", "ORIGINS": {"partner": PARTNER}}


def plain() -> Any:
    from xaccel.asgi import Downloads

    files = Downloads(SITE)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await files.asend_file(scope, send, "a b.pdf", as_attachment=True, etag="v1")

    return app


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from xaccel.starlette import Downloads

    files = Downloads(SITE)

    async def download(request: Request) -> Response:
        return await files.asend_file(request, "a b.pdf", as_attachment=True, etag="v1")

    return Starlette(routes=[Route("/download", download)])


def fastapi() -> Any:
    import starlette.requests
    import starlette.responses
    from fastapi import FastAPI

    from xaccel.starlette import Downloads

    app, files = FastAPI(), Downloads(SITE)

    async def download(request: starlette.requests.Request) -> starlette.responses.Response:
        return await files.asend_file(request, "a b.pdf", as_attachment=True, etag="v1")

    download.__annotations__ = {"request": starlette.requests.Request, "return": starlette.responses.Response}
    app.get("/download")(download)
    return app


async def ask(app: Any, *headers: tuple[bytes, bytes]) -> tuple[int, dict[bytes, bytes]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/download", "raw_path": b"/download", "root_path": "", "query_string": b"",
        "headers": [(b"host", b"app.example"), *headers], "client": ("192.0.2.2", 1), "server": ("192.0.2.3", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    assert b"".join(message.get("body", b"") for message in sent[1:]) == b""
    return sent[0]["status"], {name.lower(): value for name, value in sent[0]["headers"]}


made = fastapi() if find_spec("fastapi") else starlette() if find_spec("starlette") else plain()
status, answer = asyncio.run(ask(made))
assert status == 200
assert answer[b"x-accel-redirect"] == b"/_xaccel/partner"
assert answer[b"xaccel-url"] == b"http://192.0.2.1/a%20b.pdf"
assert asyncio.run(ask(made, (b"if-none-match", b'"v1"')))[0] == 304
