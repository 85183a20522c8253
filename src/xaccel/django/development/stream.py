"""Development without NGINX: the same view sends the file through Django, with the headers NGINX would send.

No ranges, no cache, no limits. With DEBUG off it is refused.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import IO, cast

from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase, HttpResponseNotModified
from django.utils.cache import get_conditional_response
from django.utils.http import parse_http_date_safe

from xaccel.django.development.fetch import Fetched, fetch
from xaccel.errors import ConfigError
from xaccel.handoff.builder import HandOff
from xaccel.handoff.content_security import default_policy
from xaccel.nginx.facts import PAGES
from xaccel.options import Options
from xaccel.site.origins import Origin

CHUNK_BYTES = 64 * 1024
_CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since")


def debug_is_on() -> bool:
    """Whether the project runs with DEBUG, also where a test runner switched it off after the start."""
    return settings.DEBUG or getattr(apps.get_app_config("xaccel"), "debug_at_start", False)


def require_development() -> None:
    """Raise ConfigError unless DEBUG is on or a test runner has set up its environment."""
    if debug_is_on() or _under_test():
        return
    raise ConfigError(
        "'stream' is for development, and DEBUG is off: each download would hold a worker of the app",
        where='XACCEL["DELIVERY"]',
        remedy="Remove DELIVERY, and let NGINX deliver: manage.py xaccel config writes its configuration.",
    )


def _under_test() -> bool:
    # As django.test.utils.setup_test_environment itself finds out; pytest-django calls it too.
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")


def stream(request: HttpRequest, hand_off: HandOff, options: Options, origin: Origin) -> HttpResponseBase:
    """Return the file itself, or the plain page that NGINX would answer with."""
    return _answer(request, hand_off, options, fetch(hand_off, origin, _conditions(request, options)))


async def astream(
    request: HttpRequest, hand_off: HandOff, options: Options, origin: Origin
) -> HttpResponseBase:
    """Like `stream`, with the origin asked in a thread."""
    fetched = await sync_to_async(fetch, thread_sensitive=False)(
        hand_off, origin, _conditions(request, options)
    )
    return _answer(request, hand_off, options, fetched)


def _conditions(request: HttpRequest, options: Options) -> dict[str, str]:
    if options.etag is not None or options.last_modified is not None:
        return {}
    return {name: request.headers[name] for name in _CONDITIONS if name in request.headers}


def _answer(request: HttpRequest, hand_off: HandOff, options: Options, fetched: Fetched) -> HttpResponseBase:
    headers = _headers(hand_off, options, fetched.headers)
    if fetched.status == 304:
        return HttpResponseNotModified(
            headers={
                name: headers[name] for name in ("Cache-Control", "ETag", "Last-Modified") if name in headers
            }
        )
    body = fetched.body
    if body is None:
        return _page(fetched.status)
    headers["Accept-Ranges"] = "none"
    if request.method == "HEAD":
        body.close()
        return HttpResponse(headers=headers)
    chunks = _AsyncChunks(body) if _under_asgi(request) else _Chunks(body)
    # Django's function asks for status and cookies only, its stubs for more.
    response = cast("HttpResponse", StreamingHttpResponse(chunks, headers=headers))
    # A directory's own date: a store has answered the conditions already, and passes here again.
    last_modified = parse_http_date_safe(headers.get("Last-Modified", ""))
    answer = get_conditional_response(
        request, etag=headers.get("ETag"), last_modified=last_modified, response=response
    )
    if answer is not None and answer is not response:
        # Closing the response instead would end the request, and with it the database connection, too early.
        body.close()
        return answer
    return response


def _headers(hand_off: HandOff, options: Options, origin_headers: Mapping[str, str]) -> dict[str, str]:
    visible = dict(hand_off.visible_headers)
    headers = {"Content-Type": "application/octet-stream", **origin_headers, **visible}
    if options.content_security_policy is None:
        headers["Content-Security-Policy"] = default_policy(headers["Content-Type"])
    return headers


def _page(origin_status: int) -> HttpResponse:
    page = next((page for page in PAGES if origin_status in page.origin), PAGES[-1])
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if page.retry_after_s is not None:
        headers["Retry-After"] = str(page.retry_after_s)
    return HttpResponse(
        page.text.replace("\\n", "\n"), status=page.status, content_type="text/plain", headers=headers
    )


def _under_asgi(request: HttpRequest) -> bool:
    return isinstance(getattr(request, "_request", request), ASGIRequest)


class _Chunks:
    def __init__(self, body: IO[bytes]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        with self._body:
            while chunk := self._body.read(CHUNK_BYTES):
                yield chunk

    def close(self) -> None:
        self._body.close()


class _AsyncChunks:
    def __init__(self, body: IO[bytes]) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = sync_to_async(self._body.read, thread_sensitive=False)
        with self._body:
            while chunk := await read(CHUNK_BYTES):
                yield chunk

    def close(self) -> None:
        self._body.close()
