"""aiohttp: a first download, through aiohttp's own test client."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from xaccel.aiohttp import Downloads

PARTNER = {"type": "http", "base_url": "http://192.0.2.1/"}
files = Downloads({"SECRET": "0123456789-abcdefghijklmnopqrstuv", "ORIGINS": {"partner": PARTNER}})


async def download(request: web.Request) -> web.Response:
    return await files.asend_file(request, "a b.pdf", as_attachment=True, etag="v1")


async def main() -> None:
    app = web.Application()
    app.router.add_get("/download", download)
    files.setup(app)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/download")
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["X-Accel-Redirect"] == "/_xaccel/partner"
        assert answer.headers["Xaccel-Url"] == "http://192.0.2.1/a%20b.pdf"
        assert (await client.get("/download", headers={"If-None-Match": '"v1"'})).status == 304


asyncio.run(main())
