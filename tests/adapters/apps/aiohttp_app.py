"""aiohttp, with its own server under gunicorn."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.aiohttp import Downloads

files = Downloads(SITE)


async def download(request: web.Request) -> web.StreamResponse:
    kind, arguments = decision(request.match_info["name"])
    if kind == "deny":
        await files.adeny_download(request, **arguments)
    return await files.asend_file(request, arguments.pop("key", None), **arguments)


@web.middleware
async def refused(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except InputRefused as error:
        return web.Response(text=type(error).__name__, status=400)


app = web.Application(middlewares=[refused])
app.router.add_get("/download/{name}", download)
app.router.add_post("/download/{name}", download)
