"""Apps with `GET /files/films/7/<name>`, a granted folder in a bucket, on Django and on Starlette."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SITE: dict[str, Any] = json.loads(Path(os.environ["GRANTS_SITE"]).read_text())
FOLDER = "films/7/"


def options(session: str) -> Any:
    return {
        "origin": "bucket",
        "grant": 300,
        "grant_session": session,
        "grant_folder": FOLDER,
        "subject": "7",
    }


def made_django() -> Any:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    import xaccel.django

    def view(request: HttpRequest, name: str) -> HttpResponse:
        return xaccel.django.send_file(request, FOLDER + name, **options(request.COOKIES.get("sid", "")))

    settings.configure(
        SECRET_KEY="only for tests",
        ROOT_URLCONF=(path("files/films/7/<name>", view),),
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["xaccel.django"],
        MIDDLEWARE=["xaccel.django.HandOffMiddleware"],
        XACCEL=SITE,
    )
    return get_wsgi_application()


def made_starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from xaccel.starlette import Downloads, HandOffMiddleware

    files = Downloads(SITE)

    async def view(request: Request) -> Response:
        key, session = FOLDER + request.path_params["name"], request.cookies.get("sid", "")
        return await files.asend_file(request, key, **options(session))

    app = Starlette(routes=[Route("/files/films/7/{name}", view)])
    app.add_middleware(HandOffMiddleware, downloads=files)
    return app


application = {"django": made_django, "starlette": made_starlette}[os.environ["GRANTS_FRAMEWORK"]]()
