"""The apps of the other adapters, each with `/zip/<name>`, as tests/live/archives/app.py has it for Django."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import xaccel.aiohttp
import xaccel.asgi
import xaccel.flask
import xaccel.starlette
import xaccel.wsgi
from xaccel import ObjectRef
from xaccel.features.archives.members import ZipMember

FOLDER = Path(os.environ.get("ARCHIVES_FOLDER", "/nowhere"))
SITE = FOLDER / "site.json"


def allowed(subject: str, ref: ObjectRef) -> bool:
    return subject == "alice" and not (FOLDER / "denied" / ref.key.replace("/", " ")).exists()


def members(name: str) -> list[ZipMember]:
    rows = json.loads((FOLDER / "archives" / f"{name}.json").read_text())
    return [
        ZipMember(ObjectRef(origin, key), name=label, size=size, crc32=crc32, etag=etag)
        for label, size, crc32, origin, key, etag in rows
    ]


def made_flask() -> Flask:
    app, files = Flask(__name__), xaccel.flask.Downloads(SITE)
    files.init_app(app)

    @app.get("/zip/<name>")
    def archive(name: str) -> Any:
        return files.send_zip(members(name), filename=f"{name}.zip", subject="alice", check=allowed)

    return app


def made_starlette() -> Starlette:
    files = xaccel.starlette.Downloads(SITE)

    async def archive(request: Request) -> Response:
        name = request.path_params["name"]
        return await files.asend_zip(
            request, lambda: members(name), filename=f"{name}.zip", subject="alice", check=allowed
        )

    app = Starlette(routes=[Route("/zip/{name}", archive)])
    app.add_middleware(xaccel.starlette.HandOffMiddleware, downloads=files)
    return app


def made_wsgi() -> Any:
    files = xaccel.wsgi.Downloads(SITE)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        name = environ["PATH_INFO"].rpartition("/")[2]
        return files.send_zip(
            environ, start_response, members(name), filename=f"{name}.zip", subject="alice", check=allowed
        )

    return xaccel.wsgi.HandOffMiddleware(app, files)


def made_asgi() -> Any:
    files = xaccel.asgi.Downloads(SITE)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        name = scope["path"].rpartition("/")[2]
        await files.asend_zip(
            scope, send, members(name), filename=f"{name}.zip", subject="alice", check=allowed
        )

    return xaccel.asgi.HandOffMiddleware(app, files)


def made_aiohttp() -> web.Application:
    app, files = web.Application(), xaccel.aiohttp.Downloads(SITE)

    async def archive(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await files.asend_zip(
            request, lambda: members(name), filename=f"{name}.zip", subject="alice", check=allowed
        )

    app.router.add_get("/zip/{name}", archive)
    files.setup(app)
    return app


MADE: dict[str, Callable[[], Any]] = {
    "flask": made_flask,
    "starlette": made_starlette,
    "wsgi": made_wsgi,
    "asgi": made_asgi,
    "aiohttp": made_aiohttp,
}
if SITE.exists():
    application = MADE[os.environ["ARCHIVES_ADAPTER"]]()
