"""ASGI without a framework."""

from __future__ import annotations

from typing import Any

from tests.adapters.apps.asked import SITE, decision
from xaccel import InputRefused
from xaccel.asgi import Downloads, Send

files = Downloads(SITE)


async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    kind, arguments = decision(scope["path"].removeprefix("/download/"))
    if kind == "deny":
        await files.adeny_download(scope, send, **arguments)
        return
    try:
        await files.asend_file(scope, send, arguments.pop("key", None), **arguments)
    except InputRefused as refused:
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 400, "headers": headers})
        await send({"type": "http.response.body", "body": type(refused).__name__.encode()})
