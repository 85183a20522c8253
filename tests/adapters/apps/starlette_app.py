"""Starlette, with coroutines."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.starlette import Downloads

files = Downloads(SITE)


async def download(request: Request) -> Response:
    kind, arguments = decision(request.path_params["name"])
    if kind == "deny":
        await files.adeny_download(request, **arguments)
    return await files.asend_file(request, arguments.pop("key", None), **arguments)


async def refused(request: Request, error: Exception) -> Response:
    return PlainTextResponse(type(error).__name__, 400)


app = Starlette(
    routes=[Route("/download/{name}", download, methods=["GET", "POST"])],
    exception_handlers={InputRefused: refused},
)
