"""Development without NGINX: the same view sends the file through Django, with the headers NGINX would send.

No ranges, no cache, no limits. With DEBUG off it is refused.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from xaccel.django.conf import configuration
from xaccel.django.development.fetch import fetch
from xaccel.django.response import condition_response
from xaccel.errors import ConfigError
from xaccel.handoff.builder import HandOff
from xaccel.handoff.conditions import answer_to_conditions
from xaccel.handoff.content_security import default_policy
from xaccel.handoff.headers import CSP
from xaccel.nginx.engine_files import PAGES
from xaccel.wsgi import conditions_of

CHUNK_BYTES = 64 * 1024


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


def stream(request: HttpRequest, hand_off: HandOff) -> HttpResponseBase:
    """Return the file itself, or the plain page that NGINX would answer with."""
    visible, conditions = dict(hand_off.visible_headers), conditions_of(request.META)
    # Where the app has validators, the conditions were answered with them.
    own = not {"ETag", "Last-Modified"}.isdisjoint(visible)
    fetched = fetch(hand_off, configuration().site.origin(hand_off.origin), {} if own else conditions)
    headers = {"Content-Type": "application/octet-stream", **fetched.headers, **visible}
    if CSP not in dict(hand_off.headers):
        headers["Content-Security-Policy"] = default_policy(headers["Content-Type"])
    body = fetched.body
    if body is None:
        return condition_response(304, headers.items()) if fetched.status == 304 else _page(fetched.status)
    # A directory's own date: a store has answered the conditions already, and passes here again.
    status = answer_to_conditions(request.method or "", conditions, headers.items())
    if status is not None or request.method == "HEAD":
        body.close()
    if status is not None:
        return condition_response(status, headers.items())
    headers["Accept-Ranges"] = "none"
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    under_asgi = isinstance(getattr(request, "_request", request), ASGIRequest)
    response = StreamingHttpResponse(_aread(body) if under_asgi else _read(body), headers=headers)
    # An answer that nobody reads is closed too.
    closers: Any = response
    closers._resource_closers.append(body.close)
    return response


def _page(origin_status: int) -> HttpResponse:
    page = next((page for page in PAGES if origin_status in page.origin), PAGES[-1])
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if page.retry_after_s is not None:
        headers["Retry-After"] = str(page.retry_after_s)
    return HttpResponse(
        page.text.replace("\\n", "\n"), status=page.status, content_type="text/plain", headers=headers
    )


def _read(body: IO[bytes]) -> Iterator[bytes]:
    with body:
        while chunk := body.read(CHUNK_BYTES):
            yield chunk


async def _aread(body: IO[bytes]) -> AsyncIterator[bytes]:
    with body:
        while chunk := await sync_to_async(body.read, thread_sensitive=False)(CHUNK_BYTES):
            yield chunk
