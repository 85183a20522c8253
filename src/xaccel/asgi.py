"""xaccel for a plain ASGI application (ASGI 3, asyncio)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Unpack

from xaccel.adapter import Answers, DeniedRecord, DeniedStatus, record_denial
from xaccel.handoff.conditions import NAMES
from xaccel.handoff.objects import Url
from xaccel.options import SendOptions

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
    """The downloads of one site, made once and used by every request."""

    async def asend_file(
        self,
        scope: Scope,
        send: Send,
        key: str | None = None,
        *,
        origin: str | None = None,
        bucket: str | None = None,
        url: Url | None = None,
        **options: Unpack[SendOptions],
    ) -> None:
        """Send the answer that makes NGINX send a file. The permission is the caller's to check, before.

        `key` is an object key in `origin`, which may be left out where the site has one; `bucket` names one of the
        buckets of an origin that covers many. `url` instead is a stored absolute URL below the base of an origin, or,
        with `origin`, a function that makes it for "GET" or "HEAD".
        With `etag` or `last_modified` the client's conditions are answered here. What would wait is done in a thread.

        Raises InputRefused (KeyRefused, OriginUnknown, OriginNotAllowed, …) for what cannot be sent, and
        CredentialsUnavailable.
        """
        ref = self.sender.refer(key, origin=origin, bucket=bucket, url=url)
        asked = ref, scope["method"], conditions_of(scope), options
        ready = self.sender.is_ready(ref)
        answer = self._answer(*asked) if ready else await asyncio.to_thread(self._answer, *asked)
        length = [] if answer.status == 304 else [("Content-Length", "0")]
        await _send(send, answer.status, [*answer.headers, *length], b"")

    async def adeny_download(
        self, scope: Scope, send: Send, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
    ) -> None:
        """Send a refusal. 404 hides that the file exists; `record` is for the log only."""
        record_denial(scope["method"], status, record)
        text = f"{HTTPStatus(status).phrase}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        length = ("Content-Length", str(len(text)))
        await _send(send, status, [*headers, length], b"" if scope["method"] == "HEAD" else text)


async def _send(send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
