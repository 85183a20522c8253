"""ASGI without a framework."""

from __future__ import annotations

from typing import Any

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.asgi import Downloads, Send


class Files(Downloads):
    """Downloads that name the error."""

    async def arefuse_invalid(self, scope: Any, send: Send, refused: InputRefused, status: int) -> None:
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 400, "headers": headers})
        await send({"type": "http.response.body", "body": type(refused).__name__.encode()})


files = Files(SITE)


async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    kind, arguments = decision(scope["path"].removeprefix("/download/"))
    if kind == "deny":
        await files.adeny_download(scope, send, **arguments)
        return
    await files.asend_file(scope, send, arguments.pop("key", None), **arguments)
