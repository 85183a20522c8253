"""xaccel for a plain ASGI application (ASGI 3, asyncio)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Unpack

from xaccel.adapter import Answer, Answers, DeniedStatus, record_denial
from xaccel.events import DeniedRecord
from xaccel.handoff.conditions import NAMES
from xaccel.options import SendArguments

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_NAMES = {name.lower().encode(): name for name in NAMES}


def conditions_of(scope: Scope) -> dict[str, str]:
    """Return the conditions of a request; lines of one name are joined."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        if (name := _NAMES.get(raw.lower())) is not None:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


class Downloads(Answers):
    """The downloads of one site, made once and used by every request.

    For example:

        # app.py
        files = Downloads("site.toml")

        async def app(scope, receive, send):
            if may_read(scope):
                await files.asend_file(scope, send, "reports/2026.pdf", as_attachment=True)
            else:
                await files.adeny_download(scope, send)
    """

    async def asend_file(
        self, scope: Scope, send: Send, key: str | None = None, **arguments: Unpack[SendArguments]
    ) -> None:
        """Send the response that makes NGINX send a file, as `xaccel.django.send_file`. Check the permission before.

        Only what would wait runs in a thread. Raises InputRefused and CredentialsUnavailable.
        """
        asked = self._asked(key, arguments)
        await _send(
            send, await self._aanswer(asyncio.to_thread, asked, scope["method"], conditions_of(scope))
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
