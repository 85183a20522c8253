"""xaccel for a plain ASGI application (ASGI 3, asyncio)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Unpack

from xaccel.adapter import Answer, Answers, DeniedStatus, record_denial
from xaccel.events import DeniedRecord
from xaccel.handoff.conditions import NAMES
from xaccel.handoff.trace_key import HEADER, Traced
from xaccel.handoff.without_nginx import TOKEN_HEADER
from xaccel.options import SendArguments
from xaccel.site.read_mapping import SiteSource

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

__all__ = ["Downloads"]

_NAMES = {name.lower().encode(): name for name in NAMES}
_TOKEN = TOKEN_HEADER.lower().encode()
_TRACE = HEADER.lower().encode()


def token_of(scope: Scope) -> str:
    """Return the token of NGINX in a request, or ""."""
    return next((value.decode("latin-1") for raw, value in scope["headers"] if raw.lower() == _TOKEN), "")


def conditions_of(scope: Scope) -> dict[str, str]:
    """Return the conditions of a request; lines of one name are joined."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        if (name := _NAMES.get(raw.lower())) is not None:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def traced_of(scope: Scope) -> Traced | None:
    """Return a request of `xaccel trace`; None for any other."""
    for name, value in scope["headers"]:
        if name == _TRACE:
            path = scope["path"].encode("utf-8", "replace")
            return Traced(value.decode("latin-1"), scope["method"], path, scope.get("query_string", b""))
    return None


class Downloads(Answers):
    """The downloads of one site, made once and used by every request.

    debug: for development: a client that asks the app without NGINX gets a page that says so. For example:

        # app.py
        files = Downloads("site.toml")

        async def app(scope, receive, send):
            if may_read(scope):
                await files.asend_file(scope, send, "reports/2026.pdf", as_attachment=True)
            else:
                await files.adeny_download(scope, send)
    """

    def __init__(self, site: SiteSource, *, debug: bool = False) -> None:
        super().__init__(site)
        self._debug = debug

    async def asend_file(
        self, scope: Scope, send: Send, key: str | None = None, **arguments: Unpack[SendArguments]
    ) -> None:
        """Send the response that makes NGINX send a file, as `xaccel.django.send_file`. Check the permission before.

        Only what would wait runs in a thread. Raises InputRefused and CredentialsUnavailable.
        """
        asked, token = self._asked(key, arguments), token_of(scope) if self._debug else None
        method, conditions, traced = scope["method"], conditions_of(scope), traced_of(scope)
        await _send(
            send, await self._aanswer(asyncio.to_thread, asked, method, conditions, token, traced=traced)
        )

    async def adeny_download(
        self, scope: Scope, send: Send, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
    ) -> None:
        """Send a refusal. 404 hides that the file exists; `record` is for the log only."""
        await _send(send, record_denial(scope["method"], status, record))


async def _send(send: Send, answer: Answer) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
