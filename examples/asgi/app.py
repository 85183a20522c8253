"""Downloads from a private bucket, without a framework: `scripts/example asgi`."""

from typing import Any
from urllib.parse import parse_qs

from xaccel.asgi import Downloads, Send

files = Downloads("site.toml")


async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    key = scope["path"].removeprefix("/files/")
    user = parse_qs(scope["query_string"].decode()).get("user", [""])[0]  # in your app: who is signed in
    if not user or key.partition("/")[0] != user:
        await files.adeny_download(scope, send, subject=user, key=key, reason="not the owner")
        return
    await files.asend_file(scope, send, key, as_attachment=True, subject=user)
