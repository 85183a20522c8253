"""xaccel for a plain ASGI application (ASGI 3, asyncio)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Unpack

from xaccel.adapters.base import BaseDownloads, ClientRequest, refuse_upload, texts_by_name
from xaccel.decisions import DeniedStatus, log_refusal, record_denial
from xaccel.errors import InputRefused, UploadFailed
from xaccel.events import DeniedRecord
from xaccel.handoff.headers import Answer, plain_response
from xaccel.handoff.middleware_headers import MiddlewareHeaders
from xaccel.options import SendArguments
from xaccel.site.read_mapping import SiteSource

if TYPE_CHECKING:
    from xaccel.features.archives.send import Members, ZipArguments
    from xaccel.features.uploads.decide import Upload, UploadArguments

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

__all__ = ["Downloads", "HandOffMiddleware", "RedirectMiddleware", "Send"]


class Downloads(BaseDownloads):
    """The downloads of one site, made once and used by every request.

    The methods send the response; only what would wait runs in a thread. `xaccel.starlette.Downloads` says what their
    arguments mean, and what they raise. debug: for development: a client that asks the app without NGINX gets a page
    that says so. For example:

        # app.py
        files = Downloads("site.toml")

        async def app(scope, receive, send):
            if scope["type"] != "http":  # the server starts
                return
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
        """Make NGINX send a file. Check the permission before. `arefuse_invalid` responds to invalid arguments."""
        request = ClientRequest.of_scope(scope)
        try:
            answer = await self._aanswer(asyncio.to_thread, key, arguments, request, debug=self._debug)
        except InputRefused as refused:
            status = log_refusal(refused, scope["method"], key, arguments)
            await self.arefuse_invalid(scope, send, refused, status)
        else:
            await _send(send, answer)

    async def asend_zip(
        self, scope: Scope, send: Send, members: Members, **arguments: Unpack[ZipArguments]
    ) -> None:
        """Make NGINX send a ZIP archive. Put `HandOffMiddleware` around the app."""
        request = ClientRequest.of_scope(scope)
        try:
            answer = await asyncio.to_thread(self._archive, members, arguments, request, debug=self._debug)
        except InputRefused as refused:
            status = log_refusal(refused, scope["method"], None, arguments)
            await self.arefuse_invalid(scope, send, refused, status)
        else:
            await _send(send, answer)

    async def areceive_file(
        self, scope: Scope, send: Send, origin: str, **arguments: Unpack[UploadArguments]
    ) -> None:
        """Make NGINX send an upload to an origin. Call `areceived` first. Put `HandOffMiddleware` around the app."""
        await _send(
            send, await asyncio.to_thread(self._receive, origin, texts_by_name(scope["headers"]), arguments)
        )

    async def areceived(self, scope: Scope) -> Upload | None:
        """Return the upload that is stored, if NGINX reports it in this request. Call it first: sessions end."""
        return await asyncio.to_thread(self._received_upload, texts_by_name(scope["headers"]))

    async def arefuse_invalid(self, scope: Scope, send: Send, refused: InputRefused, status: int) -> None:
        """Respond to invalid arguments. Override it for another page.

        status: 404 for KeyRefused and FileNameRefused, which stored data cause, and 400 for the others. `refused` says
        what is wrong; it is logged already.
        """
        await _send(send, plain_response(status, scope["method"]))

    async def adeny_download(
        self, scope: Scope, send: Send, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
    ) -> None:
        """Refuse a download. 404 hides that the file exists; `record` is for the log only."""
        await _send(send, record_denial(scope["method"], status, record))


class HandOffMiddleware:
    """Passes headers that other middleware sets on downloads: those of RESPONSE_HEADERS, and Cache-Control.

    It also responds to NGINX, which assembles an archive or has a grant for a folder, and to the UploadFailed of
    `areceived`. Put it around all other middleware: `app = HandOffMiddleware(app, files)`. In Starlette and FastAPI add
    it last: `app.add_middleware(HandOffMiddleware, downloads=files)`.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], downloads: BaseDownloads) -> None:
        self._app = app
        self._downloads = downloads
        self._headers = MiddlewareHeaders(downloads.sender.site)

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] != "http":  # a WebSocket, or the start of the server
            await self._app(scope, receive, send)
            return
        if respond := self._downloads.responder(scope["path"]):
            await _send(
                send, await asyncio.to_thread(respond, scope["method"], texts_by_name(scope["headers"]))
            )
            return

        has_begun = False

        async def passing(message: MutableMapping[str, Any]) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                came = _text(message.get("headers", ()))
                passed = self._headers.carried(came)
                message = message if passed is came else {**message, "headers": _raw(passed)}
            await send(message)

        scope[MiddlewareHeaders.MARK] = True
        try:
            if self._downloads.asks(texts_by_name(scope["headers"])):
                await self._ask(scope, receive, passing)
            else:
                await self._app(scope, receive, passing)
        except UploadFailed as failed:
            if has_begun:  # a mounted app of Starlette responds with 500, and raises the error again
                raise
            await _send(send, refuse_upload(failed, texts_by_name(scope["headers"]).get("accept", "")))

    async def _ask(self, scope: Scope, receive: Any, send: Send) -> None:
        """Ask the app about an upload; its own refusal becomes one that NGINX can read."""
        messages: list[MutableMapping[str, Any]] = []

        async def collect(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        await self._app(scope, receive, collect)
        [start] = (each for each in messages if each["type"] == "http.response.start")
        body = b"".join(each.get("body", b"") for each in messages)
        if refusal := self._downloads.refusal(start["status"], _text(start.get("headers", ())), body):
            await _send(send, refusal)
            return
        for message in messages:
            await send(message)


class RedirectMiddleware:
    """Makes downloads of the redirects that lead to `origins` of REDIRECTS. All other responses pass as they are.

    Put it around the app, and `HandOffMiddleware` around it. debug: for development: without NGINX, the redirects pass.
    The page "Your app redirects already" says which redirects, and what the user gets.

    Raises ConfigError unless the site has REDIRECTS without `paths`. For example:

        app = HandOffMiddleware(RedirectMiddleware(app, files), files)

    In Starlette and FastAPI add it before: `app.add_middleware(RedirectMiddleware, downloads=files)`.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], downloads: BaseDownloads, *, debug: bool = False
    ) -> None:
        from xaccel.adapters.redirects import Follower  # an app that sends its files itself does not need it

        self._app, self._debug = app, debug
        self._follower = Follower(downloads.sender)

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        is_followed = False

        async def passing(message: MutableMapping[str, Any]) -> None:
            nonlocal is_followed
            if message["type"] == "http.response.start":
                request, headers = ClientRequest.of_scope(scope), _text(message.get("headers", ()))
                answer = self._follower.answer(request, message["status"], headers, debug=self._debug)
                if answer is not None:
                    is_followed = True
                    await _send(send, answer)
                else:
                    message = {**message, "headers": _raw(self._follower.passed(headers))}
            if not is_followed:
                await send(message)

        await self._app(scope, receive, passing if scope["type"] == "http" else send)


def _text(raw: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]


def _raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def _send(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": _raw(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body})
