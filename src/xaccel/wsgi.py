"""xaccel for a plain WSGI application (PEP 3333)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from xaccel.adapter import Answer, Answers, DeniedStatus, record_denial
from xaccel.events import DeniedRecord
from xaccel.handoff.conditions import ENVIRON
from xaccel.handoff.trace_key import ENVIRON as TRACE_ENVIRON
from xaccel.handoff.trace_key import Traced
from xaccel.handoff.without_nginx import TOKEN_HEADER
from xaccel.options import SendArguments
from xaccel.site.read_mapping import SiteSource

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


__all__ = ["Downloads"]

_TOKEN = f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}"


def token_of(environ: Mapping[str, Any]) -> str:
    """Return the token of NGINX in a request, or ""."""
    return str(environ.get(_TOKEN, ""))


def conditions_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the conditions of a request."""
    return {name: environ[key] for key, name in ENVIRON.items() if key in environ}


def traced_of(environ: Mapping[str, Any], encoding: str = "latin-1") -> Traced | None:
    """Return a request of `xaccel trace`; None for any other. encoding: of the path."""
    if TRACE_ENVIRON not in environ:
        return None
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}".encode(encoding, "replace")
    query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
    return Traced(environ[TRACE_ENVIRON], environ["REQUEST_METHOD"], path, query)


class Downloads(Answers):
    """The downloads of one site, made once and used by every request.

    debug: for development: a client that asks the app without NGINX gets a page that says so. For example:

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
        """Start the response that makes NGINX send a file, and return its empty body. Check the permission before.

        The arguments are those of `xaccel.django.send_file`. Raises InputRefused and CredentialsUnavailable.
        """
        ref, options = self._asked(key, arguments)
        token, traced = token_of(environ) if self._debug else None, traced_of(environ)
        method, conditions = environ["REQUEST_METHOD"], conditions_of(environ)
        answer = self._answer(ref, options, method, conditions, token, traced=traced)
        return _start(start_response, answer)

    def deny_download(
        self,
        environ: Mapping[str, Any],
        start_response: StartResponse,
        *,
        status: DeniedStatus = 403,
        **record: Unpack[DeniedRecord],
    ) -> list[bytes]:
        """Start a refusal, and return its text. 404 hides that the file exists; `record` is for the log only."""
        return _start(start_response, record_denial(environ["REQUEST_METHOD"], status, record))


def _start(start_response: StartResponse, answer: Answer) -> list[bytes]:
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
    return [answer.body] if answer.body else []
