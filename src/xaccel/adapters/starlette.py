"""xaccel for Starlette and FastAPI: the app's endpoint decides, NGINX delivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, Unpack

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response
except ImportError as error:
    raise ImportError(
        "xaccel.starlette needs Starlette: install the package starlette, or fastapi"
    ) from error

from xaccel.adapters.asgi import HandOffMiddleware
from xaccel.adapters.base import (
    BaseDownloads,
    ClientRequest,
    as_framework_error,
    refuse_upload,
    require_own_cookie,
)
from xaccel.decisions import DeniedStatus, log_refusal, record_denial
from xaccel.errors import InputRefused, UploadFailed
from xaccel.events import DeniedRecord
from xaccel.handoff.headers import Answer
from xaccel.options import SendArguments

if TYPE_CHECKING:
    from xaccel.features.archives.send import Members, ZipArguments
    from xaccel.features.uploads.decide import Upload, UploadArguments

__all__ = ["Downloads", "HandOffMiddleware", "RequestDownloads", "download_route"]

_FILE = {"description": "The file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def download_route(
    router: Any, path: str, *, first: bool = False, **options: Any
) -> Callable[[_Endpoint], _Endpoint]:
    """Decorate an endpoint of FastAPI that sends a file: it responds to GET and HEAD, and the schema has a file.

    `router` is the FastAPI app or an APIRouter. `options` are those of `router.get`. FastAPI takes the first route that
    fits. With `first` that is this one, instead of an older one with the same path. For example:

        # app.py
        @download_route(app, "/reports/{name}")
        async def report(request: Request, name: str) -> Response:
            return await files.asend_file(request, f"reports/{name}.pdf")
    """

    def register(endpoint: _Endpoint) -> _Endpoint:
        responses = {200: _FILE, **options.get("responses", {})}
        shown = {"response_class": Response, **options, "responses": responses}
        before = len(router.routes)
        router.add_api_route(path, endpoint, methods=["GET"], **shown)
        router.add_api_route(path, endpoint, methods=["HEAD"], **{**shown, "include_in_schema": False})
        if first:
            router.routes[:] = [*router.routes[before:], *router.routes[:before]]
        return endpoint

    return register


class Downloads(BaseDownloads):
    """The downloads of one site, made once and used by every endpoint.

    For example:

        # app.py
        files = Downloads("site.toml")


        @app.get("/reports/{name}")
        async def report(request: Request, name: str) -> Response:
            if not may_read(request.user, name):
                await files.adeny_download(request)
            return await files.asend_file(request, f"reports/{name}.pdf", as_attachment=True)
    """

    def send_file(
        self, request: Request, key: str | None = None, **arguments: Unpack[SendArguments]
    ) -> Response:
        """Return the response that makes NGINX send a file, in a plain function. Check the permission before.

        The arguments are those of `xaccel.django.send_file`, for example
        `files.send_file(request, document.key, as_attachment=True)`. With `etag` or `last_modified` the app
        evaluates the client's conditions. Raises InputRefused and CredentialsUnavailable. Unless the app handles
        InputRefused, the response is 404 for KeyRefused and FileNameRefused, which stored data cause, and 400 for the
        others.
        """
        asking = self._received(request)
        try:
            self._require_own_cookie(request, arguments)
            return _response(self._answer(self._asked(key, arguments), *asking))
        except InputRefused as refused:
            raise _error(request, refused, key, arguments) from refused

    async def asend_file(
        self, request: Request, key: str | None = None, **arguments: Unpack[SendArguments]
    ) -> Response:
        """Like `send_file`, for an async view: only what would wait runs in a thread."""
        asking = self._received(request)
        try:
            self._require_own_cookie(request, arguments)
            return _response(await self._aanswer(run_in_threadpool, key, arguments, *asking))
        except InputRefused as refused:
            raise _error(request, refused, key, arguments) from refused

    def send_zip(self, request: Request, members: Members, **arguments: Unpack[ZipArguments]) -> Response:
        """Return the response that makes NGINX send a ZIP archive, in a plain function.

        It is as `xaccel.django.send_zip`. Each member has an `ObjectRef`, a size, a CRC-32 and an entity tag.
        `HandOffMiddleware` must have been added. Raises as `send_file`, and ArchiveRefused.
        """
        asking = self._received(request)
        try:
            return _response(self._archive(members, arguments, *asking))
        except InputRefused as refused:
            raise _error(request, refused, None, arguments) from refused

    async def asend_zip(
        self, request: Request, members: Members, **arguments: Unpack[ZipArguments]
    ) -> Response:
        """Like `send_zip`, for an async view. It runs in a thread."""
        return await run_in_threadpool(self.send_zip, request, members, **arguments)

    def receive_file(self, request: Request, origin: str, **arguments: Unpack[UploadArguments]) -> Response:
        """Return the response that makes NGINX send an upload to an origin, in a plain function.

        Check the permission before. No byte of the body has been read: NGINX asks with the headers alone, and calls the
        endpoint again when the file is stored, where `received` returns it. For example:

            @app.put("/files/{name}")
            def upload(request: Request, name: str):
                if done := files.received(request):
                    save(name, key=done.key, size=done.size)
                    return JSONResponse({"key": done.key}, status_code=201)
                if not may_write(request.user, name):
                    files.deny_download(request)
                return files.receive_file(request, "documents", max_size="500m", subject=request.user.id)

        Raises OptionRefused and OriginNotAllowed, ConfigError without the setting UPLOADS, CredentialsUnavailable, and
        what `reserve` raises.
        """
        return _response(self._receive(origin, request.headers, arguments))

    async def areceive_file(
        self, request: Request, origin: str, **arguments: Unpack[UploadArguments]
    ) -> Response:
        """Like `receive_file`, for an async view. It runs in a thread."""
        return await run_in_threadpool(self.receive_file, request, origin, **arguments)

    def received(self, request: Request) -> Upload | None:
        """Return the upload that is stored, if NGINX reports it in this request. Call it first: sessions end.

        NGINX may report it twice, so save a `key` once. If the storage did not take the file, it raises UploadFailed.
        Unless the app handles it, the response is 422, 409, 507 or 503, as JSON or plain text.
        """
        try:
            return self._received_upload(request.headers)
        except UploadFailed as failed:
            # A mounted app turns what its own handlers do not handle into a 500, before HandOffMiddleware sees it.
            # Starlette does not document the key: without it, that middleware responds in other apps.
            with suppress(TypeError, ValueError):
                handlers, _ = request.scope.get("starlette.exception_handlers", ({}, {}))
                if not any(kind in handlers for kind in type(failed).__mro__):
                    handlers[UploadFailed] = _refuse_upload
            raise

    async def areceived(self, request: Request) -> Upload | None:
        """Like `received`, for a coroutine. It runs in a thread."""
        return await run_in_threadpool(self.received, request)

    def _received(self, request: Request) -> tuple[ClientRequest, bool]:
        others = getattr(request.scope.get("app"), "user_middleware", ())
        remedy = "Add it last: app.add_middleware(HandOffMiddleware, downloads=files), of xaccel.starlette."
        self._warn_of((each.cls for each in others), request.scope, remedy)
        return ClientRequest.of_scope(request.scope), _in_debug_mode(request)

    def _require_own_cookie(self, request: Request, arguments: SendArguments) -> None:
        if arguments.get("grant") is None:
            return
        for each in getattr(request.scope.get("app"), "user_middleware", ()):
            if getattr(each.cls, "__name__", "") == "SessionMiddleware":
                require_own_cookie(self.sender.site, each.kwargs.get("session_cookie", "session"))

    def deny_download(
        self, request: Request, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
    ) -> NoReturn:
        """Raise HTTPException. 404 hides that the file exists; `record` is for the log only."""
        record_denial(request.method, status, record)
        raise HTTPException(status)

    async def adeny_download(
        self, request: Request, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]
    ) -> NoReturn:
        """Like `deny_download`, for an async view. It waits for nothing."""
        self.deny_download(request, status=status, **record)

    def for_request(self, request: Request) -> RequestDownloads:
        """Return the same methods without their first argument. For FastAPI: `Depends(downloads.for_request)`."""
        return RequestDownloads(self, request)


class RequestDownloads:
    """`Downloads` for one request: the same methods, without their first argument."""

    def __init__(self, downloads: Downloads, request: Request) -> None:
        self.send_file = partial(downloads.send_file, request)
        self.asend_file = partial(downloads.asend_file, request)
        self.send_zip = partial(downloads.send_zip, request)
        self.asend_zip = partial(downloads.asend_zip, request)
        self.receive_file = partial(downloads.receive_file, request)
        self.areceive_file = partial(downloads.areceive_file, request)
        self.received = partial(downloads.received, request)
        self.areceived = partial(downloads.areceived, request)
        self.deny_download = partial(downloads.deny_download, request)
        self.adeny_download = partial(downloads.adeny_download, request)


def _response(answer: Answer) -> Response:
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))


async def _refuse_upload(request: Request, failed: UploadFailed) -> Response:
    return _response(refuse_upload(failed, request.headers.get("Accept", "")))


def _error(
    request: Request, refused: InputRefused, key: str | None, arguments: Mapping[str, Any]
) -> InputRefused:
    status = log_refusal(refused, request.method, key, arguments)
    detail = HTTPStatus(status).phrase
    return as_framework_error(refused, HTTPException, status_code=status, detail=detail, headers=None)


def _in_debug_mode(request: Request) -> bool:
    # no server has this extension, only Starlette's TestClient
    is_test = "http.response.debug" in request.scope.get("extensions", {})
    return getattr(request.scope.get("app"), "debug", False) and not is_test
