"""xaccel for a plain WSGI application (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from xaccel.adapters.base import BaseDownloads, ClientRequest, refuse_upload
from xaccel.decisions import DeniedStatus, log_refusal, record_denial
from xaccel.errors import InputRefused, UploadFailed
from xaccel.events import DeniedRecord
from xaccel.handoff.headers import Answer, plain_response
from xaccel.handoff.middleware_headers import MiddlewareHeaders
from xaccel.options import SendArguments
from xaccel.site.protocol import UPLOAD_TOKEN_HEADER, name_in_environ
from xaccel.site.read_mapping import SiteSource

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

    from xaccel.features.archives.send import Members, ZipArguments
    from xaccel.features.uploads.decide import Upload, UploadArguments

_UPLOAD = name_in_environ(UPLOAD_TOKEN_HEADER)
__all__ = ["Downloads", "HandOffMiddleware", "RedirectMiddleware"]


class Downloads(BaseDownloads):
    """The downloads of one site, made once and used by every request.

    The methods start the response, and return its body. `xaccel.starlette.Downloads` says what their arguments mean,
    and what they raise. debug: for development: a client that asks the app without NGINX gets a page that says so. For
    example:

        # app.py
        files = Downloads("site.toml")

        def app(environ, start_response):
            if may_read(environ):
                return files.send_file(environ, start_response, "reports/2026.pdf", as_attachment=True)
            return files.deny_download(environ, start_response)
    """

    def __init__(self, site: SiteSource, *, debug: bool = False) -> None:
        super().__init__(site)
        self._debug = debug

    def send_file(
        self,
        environ: Mapping[str, Any],
        start_response: StartResponse,
        key: str | None = None,
        **arguments: Unpack[SendArguments],
    ) -> list[bytes]:
        """Make NGINX send a file. Check the permission before. `refuse_invalid` responds to invalid arguments."""
        request = ClientRequest.of_environ(environ)
        try:
            answer = self._answer(self._asked(key, arguments), request, debug=self._debug)
            return _start(start_response, answer)
        except InputRefused as refused:
            status = log_refusal(refused, request.method, key, arguments)
            return self.refuse_invalid(environ, start_response, refused, status)

    def send_zip(
        self,
        environ: Mapping[str, Any],
        start_response: StartResponse,
        members: Members,
        **arguments: Unpack[ZipArguments],
    ) -> list[bytes]:
        """Make NGINX send a ZIP archive. Put `HandOffMiddleware` around the app."""
        request = ClientRequest.of_environ(environ)
        try:
            answer = self._archive(members, arguments, request, debug=self._debug)
            return _start(start_response, answer)
        except InputRefused as refused:
            status = log_refusal(refused, request.method, None, arguments)
            return self.refuse_invalid(environ, start_response, refused, status)

    def receive_file(
        self,
        environ: Mapping[str, Any],
        start_response: StartResponse,
        origin: str,
        **arguments: Unpack[UploadArguments],
    ) -> list[bytes]:
        """Make NGINX send an upload to an origin. Call `received` first. Put `HandOffMiddleware` around the app."""
        return _start(start_response, self._receive(origin, _headers(environ), arguments))

    def received(self, environ: Mapping[str, Any]) -> Upload | None:
        """Return the upload that is stored, if NGINX reports it in this request. Call it first: sessions end."""
        return self._received_upload(_headers(environ))

    def refuse_invalid(
        self, environ: Mapping[str, Any], start_response: StartResponse, refused: InputRefused, status: int
    ) -> list[bytes]:
        """Respond to invalid arguments. Override it for another page.

        status: 404 for KeyRefused and FileNameRefused, which stored data cause, and 400 for the others. `refused` says
        what is wrong; it is logged already.
        """
        return _start(start_response, plain_response(status, environ["REQUEST_METHOD"]))

    def deny_download(
        self,
        environ: Mapping[str, Any],
        start_response: StartResponse,
        *,
        status: DeniedStatus = 403,
        **record: Unpack[DeniedRecord],
    ) -> list[bytes]:
        """Refuse a download. 404 hides that the file exists; `record` is for the log only."""
        return _start(start_response, record_denial(environ["REQUEST_METHOD"], status, record))


class HandOffMiddleware:
    """Passes headers that other middleware sets on downloads: those of RESPONSE_HEADERS, and Cache-Control.

    It also responds to NGINX, which assembles an archive or has a grant for a folder, and to the UploadFailed of
    `received`. Put it around all other middleware: `app = HandOffMiddleware(app, files)`.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], downloads: BaseDownloads) -> None:
        self._app = app
        self._downloads = downloads
        self._headers = MiddlewareHeaders(downloads.sender.site)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if respond := self._downloads.responder(environ.get("PATH_INFO", "")):
            return _start(start_response, respond(environ["REQUEST_METHOD"], _headers(environ)))

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            return start_response(status, self._headers.carried(headers), *more)

        environ[MiddlewareHeaders.MARK] = True
        if _UPLOAD in environ:
            return self._about_upload(environ, start)
        return self._app(environ, start)

    def _about_upload(self, environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        """Yield the response to NGINX. An app that is a generator starts its own, and raises, only while it is read."""
        has_begun = False

        def start(*given: Any) -> Callable[[bytes], object]:
            nonlocal has_begun
            has_begun = True
            return start_response(*given)

        blocks: Iterable[bytes] = ()
        try:
            asks = self._downloads.asks(_headers(environ))
            blocks = self._ask(environ, start) if asks else self._app(environ, start)
            yield from blocks
        except UploadFailed as failed:
            if has_begun:
                raise
            yield from _start(start_response, refuse_upload(failed, environ.get("HTTP_ACCEPT", "")))
        finally:
            if hasattr(blocks, "close"):
                blocks.close()

    def _ask(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Ask the app about an upload; its own refusal becomes one that NGINX can read."""
        started: list[Any] = []
        blocks: list[bytes] = []

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            started[:] = status, headers, *more
            return blocks.append

        iterable = self._app(environ, start)
        try:
            blocks += iterable
        finally:
            if hasattr(iterable, "close"):
                iterable.close()
        status, headers, *_ = started
        if refusal := self._downloads.refusal(int(status[:3]), headers, b"".join(blocks)):
            return _start(start_response, refusal)
        start_response(*started)
        return blocks


class RedirectMiddleware:
    """Makes downloads of the redirects that lead to `origins` of REDIRECTS. All other responses pass as they are.

    Put it around the app, and `HandOffMiddleware` around it. debug: for development: without NGINX, the redirects pass.
    The page "Your app redirects already" says which redirects, and what the user gets.

    Raises ConfigError unless the site has REDIRECTS without `paths`. For example:

        app = HandOffMiddleware(RedirectMiddleware(app, files), files)
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], downloads: BaseDownloads, *, debug: bool = False
    ) -> None:
        from xaccel.adapters.redirects import Follower  # an app that sends its files itself does not need it

        self._app, self._debug = app, debug
        self._follower = Follower(downloads.sender)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        has_started = is_followed = False

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            nonlocal has_started, is_followed
            request = ClientRequest.of_environ(environ)
            answer = self._follower.answer(request, int(status[:3]), headers, debug=self._debug)
            has_started, is_followed = True, answer is not None
            if answer is None:
                return start_response(status, self._follower.passed(headers), *more)
            _start(start_response, answer)
            return lambda block: None

        def without_body() -> Iterator[bytes]:
            try:
                for block in blocks:
                    if not is_followed:
                        yield block
            finally:
                if hasattr(blocks, "close"):
                    blocks.close()

        blocks = self._app(environ, start)
        # a server may know how to send these blocks; an app that is a generator starts its response as it is read
        return blocks if has_started and not is_followed else without_body()


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request by their names in lower case."""
    found = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    found["CONTENT_TYPE"] = environ.get("CONTENT_TYPE", "")
    return {name.replace("_", "-").lower(): value for name, value in found.items()}


def _start(start_response: StartResponse, answer: Answer) -> list[bytes]:
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
    return [answer.body] if answer.body else []
