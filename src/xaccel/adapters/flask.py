"""xaccel for Flask: the app's view decides, NGINX delivers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

try:
    from flask import Flask, Response, abort, current_app, request
    from flask.sessions import SecureCookieSessionInterface
    from werkzeug.exceptions import BadRequest, HTTPException, NotFound
except ImportError as error:
    raise ImportError("xaccel.flask needs Flask: install the package flask") from error

from xaccel.adapters.base import (
    BaseDownloads,
    ClientRequest,
    as_framework_error,
    refuse_upload,
    require_own_cookie,
)
from xaccel.adapters.wsgi import HandOffMiddleware
from xaccel.decisions import DeniedStatus, log_refusal, record_denial
from xaccel.errors import InputRefused, UploadFailed
from xaccel.events import DeniedRecord
from xaccel.handoff.headers import Answer
from xaccel.options import SendArguments
from xaccel.sender import Sender
from xaccel.site.read_mapping import SiteSource
from xaccel.site.setting import problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

    from xaccel.features.archives.send import Members, ZipArguments
    from xaccel.features.uploads.decide import Upload, UploadArguments

_KEY, _EXTENSION = "XACCEL", "xaccel"
__all__ = ["Downloads"]

_ERRORS = {404: NotFound, 400: BadRequest}


class _AsDecided(Response):
    """A response with the headers that it is given, and no Content-Type of Werkzeug's."""

    default_mimetype = None

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Keep Last-Modified, which Werkzeug takes off a 304: without an entity tag it is all a browser has."""
        headers = super().get_wsgi_headers(environ)
        if "Last-Modified" in self.headers:
            headers["Last-Modified"] = self.headers["Last-Modified"]
        return headers


class Downloads(BaseDownloads):
    """The downloads of one site, made once and used by every view.

    `Downloads("site.toml")` for one app. In an application factory `Downloads()`, then `init_app(app)` for each app,
    whose site is `app.config["XACCEL"]`. `init_app` of either passes headers of other extensions. Both raise
    ConfigErrors for settings that are wrong. For example:

        # app.py
        files = Downloads("site.toml")


        @app.get("/reports/<name>")
        def report(name):
            if not may_read(g.user, name):
                files.deny_download()
            return files.send_file(f"reports/{name}.pdf", as_attachment=True)
    """

    def __init__(self, site: SiteSource | None = None) -> None:
        if site is not None:
            super().__init__(site)

    def init_app(self, app: Flask) -> None:
        """Let downloads of `app` have the headers of RESPONSE_HEADERS that other extensions set, and Cache-Control.

        Where `Downloads` was made without a site, it reads `app.config["XACCEL"]`: a mapping with the keys of a site,
        or the path of a file with them.
        """
        downloads: BaseDownloads = self
        if "sender" not in vars(self):
            if _KEY not in app.config:
                raise problem(f'app.config["{_KEY}"]', "no_flask_config")
            downloads = BaseDownloads(app.config[_KEY])
            app.extensions[_EXTENSION] = downloads.sender
        app.wsgi_app = HandOffMiddleware(app.wsgi_app, downloads)  # type: ignore[method-assign]

    if not TYPE_CHECKING:  # a type checker must still find a misspelt method

        def __getattr__(self, name: str) -> Sender:
            """Return the sender of the current app, where `Downloads` was made without a site."""
            if name != "sender":
                raise AttributeError(name)
            try:
                sender: Sender = current_app.extensions[_EXTENSION]
            except KeyError:
                raise problem("xaccel.flask", "no_flask_site") from None
            return sender

    def send_file(self, key: str | None = None, **arguments: Unpack[SendArguments]) -> Response:
        """Return the response to Flask's current request that makes NGINX send a file. Check the permission before.

        The arguments are those of `xaccel.django.send_file`, for example
        `files.send_file(document.key, as_attachment=True)`. With `etag` or `last_modified` the app evaluates the
        client's conditions. Raises InputRefused and CredentialsUnavailable. Unless the app handles InputRefused, Flask
        responds with 404 to KeyRefused and FileNameRefused, which stored data cause, and with 400 to the others.
        """
        others = chain.from_iterable(current_app.after_request_funcs.values())
        self._warn_of(others, request.environ, "Call init_app(app) of Downloads.")
        debug = current_app.debug and not current_app.testing
        try:
            if arguments.get("grant") is not None:
                self._require_own_cookie()
            asked = self._asked(key, arguments)
            answer = self._answer(asked, ClientRequest.of_environ(request.environ), debug)
        except InputRefused as refused:
            raise _error(refused, key, arguments) from refused
        return _AsDecided(answer.body, status=answer.status, headers=list(answer.headers))

    def _require_own_cookie(self) -> None:
        if isinstance(current_app.session_interface, SecureCookieSessionInterface):
            require_own_cookie(self.sender.site, current_app.config["SESSION_COOKIE_NAME"])

    def send_zip(self, members: Members, **arguments: Unpack[ZipArguments]) -> Response:
        """Return the response that makes NGINX send a ZIP archive, as `xaccel.django.send_zip`.

        Each member has an `ObjectRef`, a size, a CRC-32 and an entity tag. Call `init_app(app)` before. Raises what
        `send_file` raises, and ArchiveRefused.
        """
        debug = current_app.debug and not current_app.testing
        try:
            answer = self._archive(members, arguments, ClientRequest.of_environ(request.environ), debug)
        except InputRefused as refused:
            raise _error(refused, None, arguments) from refused
        return _response(answer)

    def receive_file(self, origin: str, **arguments: Unpack[UploadArguments]) -> Response:
        """Return the response that makes NGINX send an upload to an origin, as `xaccel.starlette` has it.

        Call `received` first, and check the permission before. Raises OptionRefused and OriginNotAllowed, ConfigError
        without the setting UPLOADS, CredentialsUnavailable, and what `reserve` raises.
        """
        return _response(self._receive(origin, _headers(), arguments))

    def received(self) -> Upload | None:
        """Return the upload that is stored, if NGINX reports it in this request. Call it first: sessions end.

        NGINX may report it twice, so save a `key` once. If the storage did not take the file, it raises UploadFailed,
        which Flask responds to with 422, 409, 507 or 503, as JSON or plain text.
        """
        try:
            return self._received_upload(_headers())
        except UploadFailed as failed:
            page = _response(refuse_upload(failed, request.headers.get("Accept", "")))
            more = {"status": failed.status, "upload": failed.upload, "response": page}
            raise as_framework_error(
                failed, HTTPException, code=failed.status, description=failed.what, **more
            ) from failed

    def deny_download(self, *, status: DeniedStatus = 403, **record: Unpack[DeniedRecord]) -> NoReturn:
        """Abort the current request. 404 hides that the file exists; `record` is for the log only."""
        record_denial(request.method, status, record)
        abort(status)


def _error(refused: InputRefused, key: str | None, arguments: Mapping[str, Any]) -> InputRefused:
    status = log_refusal(refused, request.method, key, arguments)
    return as_framework_error(refused, _ERRORS[status], response=None)


def _response(answer: Answer) -> Response:
    return _AsDecided(answer.body, status=answer.status, headers=list(answer.headers))


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}
