"""Apps with `PUT /files/<name>` on the adapters but Django's; what the app was told is in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from fastapi import FastAPI
from flask import Flask, abort, request
from flask import Response as FlaskResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import xaccel.aiohttp
import xaccel.asgi
import xaccel.flask
import xaccel.starlette
import xaccel.wsgi
from xaccel.features.uploads.decide import Upload

FOLDER = Path(os.environ.get("UPLOADS_FOLDER", "/nowhere"))
SITE = FOLDER / "site.json"


def noted(upload: Upload) -> dict[str, Any]:
    with (FOLDER / "told.jsonl").open("a") as file:
        file.write(json.dumps(upload._asdict()) + "\n")
    return upload._asdict()


def arguments(query: dict[str, str], user: str) -> Any:
    return {
        "max_size": query.get("max", "1g"),
        "subject": user,
        "content_types": query["types"].split(",") if "types" in query else None,
        "checksum": query.get("checksum", "optional"),
        "reserve": (lambda upload: False) if "full" in query else None,
    }


def own_refusal(kind: str) -> Any:
    """A view's own refusal, in the ways that views write one."""
    if kind == "json":
        return {"detail": 'There is a "report.pdf" already', "pk": 7}, 409, {"Retry-After": "60"}
    if kind == "unknown":
        return "Please pay: 5\u202f€", 402
    if kind == "long":
        return {"detail": "x" * 9000}, 413
    return FlaskResponse("<p>Who?</p>", 401, {"WWW-Authenticate": 'Basic realm="x"'})


def made_flask() -> Flask:
    app, files = Flask(__name__), xaccel.flask.Downloads(SITE)
    files.init_app(app)

    @app.put("/files/<name>")
    def upload(name: str) -> Any:
        if done := files.received():
            return noted(done), 201
        user = request.headers.get("X-User", "")
        if not user:
            abort(401)
        if user == "mallory":
            files.deny_download()
        if "own" in request.args:
            return own_refusal(request.args["own"])
        return files.receive_file("documents", **arguments(request.args.to_dict(), user))

    @app.route("/files/<name>", methods=["GET", "POST"])
    def other(name: str) -> Any:
        if "key" in request.args:
            return files.send_file(request.args["key"], origin="documents")
        proto = request.headers["X-Forwarded-Proto"]
        bytes_ = len(request.get_data())
        return {"method": request.method, "host": request.host, "bytes": bytes_, "proto": proto}

    return app


def made_starlette() -> Starlette:
    files = xaccel.starlette.Downloads(SITE)

    async def upload(asked: Request) -> Response:
        if done := await files.areceived(asked):
            return JSONResponse(noted(done), 201)
        if "own" in asked.query_params:
            raise HTTPException(409, "It is there already")
        return await files.areceive_file(
            asked, "documents", **arguments(dict(asked.query_params), asked.headers.get("X-User", "alice"))
        )

    app = Starlette(routes=[Route("/files/{name}", upload, methods=["PUT"])])
    app.add_middleware(xaccel.starlette.HandOffMiddleware, downloads=files)
    return app


def made_fastapi() -> FastAPI:
    app, files = FastAPI(), xaccel.starlette.Downloads(SITE)
    app.add_middleware(xaccel.starlette.HandOffMiddleware, downloads=files)

    @app.put("/files/{name}")
    def upload(asked: Request) -> Response:
        if done := files.received(asked):
            return JSONResponse(noted(done), 201)
        if "own" in asked.query_params:
            raise HTTPException(409, "It is there already")
        return files.receive_file(asked, "documents", **arguments(dict(asked.query_params), "alice"))

    return app


def made_wsgi() -> Any:
    files = xaccel.wsgi.Downloads(SITE)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if done := files.received(environ):
            start_response("201 Created", [("Content-Type", "application/json")])
            return [json.dumps(noted(done)).encode()]
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        if "own" in query:
            write = start_response("409 Conflict", [("Content-Type", "text/plain")])
            write(b"It is ")
            return [b"there ", b"already"]
        user = environ.get("HTTP_X_USER", "alice")
        return files.receive_file(environ, start_response, "documents", **arguments(query, user))

    return xaccel.wsgi.HandOffMiddleware(app, files)


def made_asgi() -> Any:
    files = xaccel.asgi.Downloads(SITE)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":  # the server starts
            return
        if done := await files.areceived(scope):
            await JSONResponse(noted(done), 201)(scope, receive, send)
            return
        query, user = (
            dict(parse_qsl(scope["query_string"].decode())),
            Request(scope).headers.get("X-User", ""),
        )
        if "own" in query:
            await PlainTextResponse("It is there already", 409)(scope, receive, send)
            return
        await files.areceive_file(scope, send, "documents", **arguments(query, user))

    return xaccel.asgi.HandOffMiddleware(app, files)


def made_aiohttp() -> web.Application:
    app, files = web.Application(), xaccel.aiohttp.Downloads(SITE)

    async def upload(asked: web.Request) -> web.Response:
        if done := await files.areceived(asked):
            return web.json_response(noted(done), status=201)
        if "own" in asked.query:
            raise web.HTTPConflict(text="It is there already")
        user = asked.headers.get("X-User", "alice")
        return await files.areceive_file(asked, "documents", **arguments(dict(asked.query), user))

    app.router.add_put("/files/{name}", upload)
    files.setup(app)
    return app


MADE: dict[str, Callable[[], Any]] = {
    "flask": made_flask,
    "starlette": made_starlette,
    "fastapi": made_fastapi,
    "wsgi": made_wsgi,
    "asgi": made_asgi,
    "aiohttp": made_aiohttp,
}
if SITE.exists():
    application = MADE[os.environ["UPLOADS_ADAPTER"]]()
