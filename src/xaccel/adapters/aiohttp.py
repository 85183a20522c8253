"""xaccel for aiohttp's server: the app's handler decides, NGINX delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Unpack
from urllib.parse import unquote_to_bytes

try:
    from aiohttp import web
    from aiohttp.typedefs import Handler, Middleware
except ImportError as error:
    raise ImportError("xaccel.aiohttp needs aiohttp: install the package aiohttp") from error

from xaccel.adapters.base import (
    BaseDownloads,
    ClientRequest,
    as_framework_error,
    refuse_upload,
    require_own_cookie,
    texts_by_name,
)
from xaccel.decisions import DeniedStatus, log_refusal, record_denial
from xaccel.errors import InputRefused, UploadFailed
from xaccel.events import DeniedRecord, logger
from xaccel.handoff.headers import Answer
from xaccel.handoff.middleware_headers import MiddlewareHeaders
from xaccel.options import SendArguments
from xaccel.site.read_mapping import SiteSource

if TYPE_CHECKING:
    from xaccel.features.archives.send import Members, ZipArguments
    from xaccel.features.uploads.decide import Upload, UploadArguments

__all__ = ["Downloads", "redirect_middleware"]

_SESSION_STORAGE = "aiohttp_session_storage"
"""Where aiohttp-session has the storage of a request's session (its STORAGE_KEY)."""
_IS_SET_UP = web.AppKey("xaccel", bool)
_ERRORS: Mapping[int, type[web.HTTPException]] = {400: web.HTTPBadRequest, 404: web.HTTPNotFound}


class Downloads(BaseDownloads):
    """The downloads of one site, made once and used by every handler.

    debug: for development: a client that asks the app without NGINX gets a page that says so. For example:

        # app.py
        files = Downloads("site.toml")


        async def report(request: web.Request) -> web.StreamResponse:
            name = request.match_info["name"]
            if not may_read(request["user"], name):
                await files.adeny_download(request)
            return await files.asend_file(request, f"reports/{name}.pdf", as_attachment=True)


        app = web.Application()
        app.router.add_get("/reports/{name}", report)
        files.setup(app)
    """

    def __init__(self, site: SiteSource, *, debug: bool = False) -> None:
        super().__init__(site)
        self._debug = debug

    def setup(self, app: web.Application) -> None:
        """Let downloads of `app` have the headers of RESPONSE_HEADERS that other code sets, and Cache-Control.

        Those of middleware, and those of `on_response_prepare`, as aiohttp-cors sets them. Archives, grants for
        folders and uploads need it too. Call it last, on the outermost app.
        """
        headers = MiddlewareHeaders(self.sender.site)

        async def carry(request: web.Request, response: web.StreamResponse) -> None:
            before = list(response.headers.items())
            after = headers.carried(before)
            if after is not before:
                response.headers.clear()
                response.headers.extend(after)

        app[_IS_SET_UP] = True
        app.on_response_prepare.append(carry)
        app.middlewares.insert(0, _middleware(self, carry))

    async def asend_file(
        self, request: web.Request, key: str | None = None, **arguments: Unpack[SendArguments]
    ) -> web.Response:
        """Return the response that makes NGINX send a file. Check the permission before.

        The arguments are those of `xaccel.django.send_file`, for example
        `await files.asend_file(request, document.key, as_attachment=True)`. With `etag` or `last_modified` the app
        evaluates the client's conditions. Only what would wait runs in a thread. Raises InputRefused and
        CredentialsUnavailable. Unless the app handles InputRefused, the response is 404 for KeyRefused and
        FileNameRefused, which stored data cause, and 400 for the others.
        """
        self._warn(request)
        try:
            if arguments.get("grant") is not None:
                self._require_own_cookie(request)
            answer = await self._aanswer(asyncio.to_thread, key, arguments, _asked(request), self._debug)
        except InputRefused as refused:
            raise _error(request, refused, key, arguments) from refused
        return _response(answer)

    async def asend_zip(
        self, request: web.Request, members: Members, **arguments: Unpack[ZipArguments]
    ) -> web.Response:
        """Return the response that makes NGINX send a ZIP archive, as `xaccel.django.send_zip`.

        Each member has an `ObjectRef`, a size, a CRC-32 and an entity tag. It runs in a thread. Call `setup(app)`
        before. Raises what `asend_file` raises, and ArchiveRefused.
        """
        self._warn(request)
        try:
            answer = await asyncio.to_thread(
                self._archive, members, arguments, _asked(request), debug=self._debug
            )
        except InputRefused as refused:
            raise _error(request, refused, None, arguments) from refused
        return _response(answer)

    async def areceive_file(
        self, request: web.Request, origin: str, **arguments: Unpack[UploadArguments]
    ) -> web.Response:
        """Return the response that makes NGINX send an upload to an origin, as `xaccel.starlette` has it.

        Call `areceived` first, and check the permission before. It runs in a thread. Raises OptionRefused and
        OriginNotAllowed, ConfigError without the setting UPLOADS, CredentialsUnavailable, and what `reserve` raises.
        """
        return _response(
            await asyncio.to_thread(self._receive, origin, texts_by_name(request.raw_headers), arguments)
        )

    async def areceived(self, request: web.Request) -> Upload | None:
        """Return the upload that is stored, if NGINX reports it in this request. Call it first: sessions end.

        NGINX may report it twice, so save a `key` once. It runs in a thread. If the storage did not take the file, it
        raises UploadFailed. Unless the app handles it, the response is 422, 409, 507 or 503, as JSON or plain text.
        """
        return await asyncio.to_thread(self._received_upload, texts_by_name(request.raw_headers))

    async def adeny_download(
        self, request: web.Request, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
    ) -> NoReturn:
        """Raise HTTPForbidden or HTTPNotFound. 404 hides that the file exists; `record` is for the log only."""
        record_denial(request.method, status, record)
        raise (web.HTTPNotFound if status == 404 else web.HTTPForbidden)

    def _warn(self, request: web.Request) -> None:
        apps = request.match_info.apps
        if not any(_IS_SET_UP in app for app in apps):
            others: list[Any] = []
            for app in apps:
                others += app.middlewares
                others += app.on_response_prepare
            self._warn_of(others, {}, "Call setup(app) of Downloads last.")

    def _require_own_cookie(self, request: web.Request) -> None:
        storage = request.get(_SESSION_STORAGE)
        # those that keep the session on a server have a random id in the cookie
        if storage is not None and "Cookie" in type(storage).__name__:
            require_own_cookie(self.sender.site, storage.cookie_name)


def _middleware(downloads: Downloads, carry: Any) -> Middleware:
    """Return the outermost middleware of an app. carry: what `setup` added to `on_response_prepare`."""
    is_checked = False

    @web.middleware
    async def respond_to_nginx(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal is_checked
        if respond := downloads.responder(request.path):
            return _response(
                await asyncio.to_thread(respond, request.method, texts_by_name(request.raw_headers))
            )
        if not is_checked:
            is_checked = True
            _warn_of_later(request, carry)
        try:
            if downloads.asks(texts_by_name(request.raw_headers)):
                return await _ask(downloads, request, handler)
            return await handler(request)
        except UploadFailed as failed:
            return _response(refuse_upload(failed, request.headers.get("Accept", "")))

    return respond_to_nginx


def _warn_of_later(request: web.Request, carry: Any) -> None:
    """Warn if a handler of `on_response_prepare` comes after `carry`: its headers do not reach downloads."""
    handlers = [each for app in request.match_info.apps for each in app.on_response_prepare]
    if later := handlers[handlers.index(carry) + 1 :]:
        names = ", ".join(getattr(each, "__qualname__", repr(each)) for each in later)
        logger.warning("downloads are sent without the headers of %s. Call setup(app) after them.", names)


async def _ask(downloads: Downloads, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask the app about an upload; its own refusal becomes one that NGINX can read."""
    response, raised = await _outcome(request, handler)
    body = response.body if isinstance(response, web.Response) else b""
    own = list(response.headers.items())
    if refusal := downloads.refusal(response.status, own, body if isinstance(body, bytes) else b""):
        return _response(refusal)
    if raised is not None:
        raise raised
    return response


def redirect_middleware(downloads: BaseDownloads, *, debug: bool = False) -> Middleware:
    """Return a middleware that makes downloads of the redirects that lead to `origins` of REDIRECTS.

    An exception that redirects is a redirect too. All other responses pass as they are. debug: for development: without
    NGINX, the redirects pass. The page "Your app redirects already" says which redirects, and what the user gets.

    Raises ConfigError unless the site has REDIRECTS without `paths`. For example:

        # app.py
        app = web.Application(middlewares=[redirect_middleware(files)])
        files.setup(app)
    """
    from xaccel.adapters.redirects import Follower  # an app that sends its files itself does not need it

    follower = Follower(downloads.sender)

    @web.middleware
    async def follow(request: web.Request, handler: Handler) -> web.StreamResponse:
        response, raised = await _outcome(request, handler)
        if response.prepared:  # the handler has sent it
            return response
        headers = [
            *response.headers.items(),
            *(("Set-Cookie", _cookie(each)) for each in response.cookies.values()),
        ]
        answer = follower.answer(_asked(request), response.status, headers, debug=debug)
        if answer is not None:
            return _response(answer)
        if follower.subject:
            response.headers.popall(follower.subject, None)
        if raised is not None:
            raise raised
        return response

    return follow


async def _outcome(
    request: web.Request, handler: Handler
) -> tuple[web.StreamResponse, web.HTTPException | None]:
    """Return the response of a handler, and the exception if it was raised: aiohttp's exceptions are responses."""
    try:
        return await handler(request), None
    except web.HTTPException as error:
        return error, error


def _cookie(morsel: Any) -> str:
    return str(morsel.OutputString())


def _asked(request: web.Request) -> ClientRequest:
    path, _, query = request.raw_path.partition("?")
    raw = unquote_to_bytes(path), query.encode("utf-8", "surrogateescape")
    return ClientRequest.of_raw(request.method, request.raw_headers, *raw)


def _response(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


def _error(
    request: web.Request, refused: InputRefused, key: str | None, arguments: Mapping[str, Any]
) -> InputRefused:
    kind = _ERRORS[log_refusal(refused, request.method, key, arguments)]
    error = as_framework_error(refused, kind)
    kind.__init__(error)  # type: ignore[arg-type]  # aiohttp's exceptions are responses
    return error
