"""Development without NGINX: Django sends the file, with the headers that NGINX would send.

No ranges, no cache, no limits. With DEBUG off it is refused.
"""

from __future__ import annotations

import errno
import http.client
import os
import ssl
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from xaccel.adapter import ClientRequest
from xaccel.django.conf import configuration
from xaccel.django.response import condition_response
from xaccel.errors import ConfigError
from xaccel.events import logger
from xaccel.explain.origin_request import opener
from xaccel.handoff.builder import HandOff
from xaccel.handoff.conditions import answer_to_conditions
from xaccel.handoff.headers import CSP, default_policy
from xaccel.nginx.engine_files import PAGES
from xaccel.site.origins import LocalOrigin, Origin, S3Origin

CHUNK_BYTES = 64 * 1024
TIMEOUT_S = 30.0
"""How long an origin may be silent; NGINX waits as long."""

_PASSED_ON = "Content-Type Content-Length Content-Encoding Content-Language ETag Last-Modified".split()
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}


def debug_is_on() -> bool:
    """Return whether the project runs with DEBUG, even if a test runner switched it off after the start."""
    return settings.DEBUG or getattr(apps.get_app_config("xaccel"), "debug_at_start", False)


def require_development() -> None:
    """Raise ConfigError unless DEBUG is on or a test runner has set up its environment."""
    if debug_is_on() or under_test():
        return
    raise ConfigError(
        "'stream' is for development, and DEBUG is off: each download would occupy a worker of the app",
        where='XACCEL["DELIVERY"]',
        remedy="Remove DELIVERY, and let NGINX deliver: manage.py xaccel config writes its configuration.",
    )


def under_test() -> bool:
    """Tell whether a test runner has set up its environment."""
    # As django.test.utils.setup_test_environment itself finds out; pytest-django calls it too.
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")


def stream(request: HttpRequest, hand_off: HandOff) -> HttpResponseBase:
    """Return the file itself, or the plain page that NGINX would send."""
    visible, conditions = dict(hand_off.visible_headers), ClientRequest.of_environ(request.META).conditions
    # If the app has validators, it has already evaluated the client's conditions.
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
    chunks = _aread(body) if under_asgi else _read(body)
    response = StreamingHttpResponse(chunks, headers=headers)
    # A response that nobody reads is closed too.
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


@dataclass(frozen=True, slots=True)
class Fetched:
    """The response of an origin. The caller closes `body`."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: IO[bytes] | None = None


def fetch(hand_off: HandOff, origin: Origin, conditions: Mapping[str, str]) -> Fetched:
    """Ask `origin` for what `hand_off` names. `conditions` are the client's, where the origin's validators stand.

    Never raises for what an origin does: its failures are statuses, 504 for silence and 502 for the rest. Redirects are
    followed where the origin's `redirect_hosts` allow it. The status is the origin's own otherwise.
    """
    if isinstance(origin, LocalOrigin):
        return _open(origin.root, hand_off.target)
    method = dict(hand_off.headers).get("Xaccel-Method", "GET")
    request = Request(hand_off.target, headers={**conditions, **hand_off.request_headers}, method=method)  # noqa: S310
    try:
        answer = opener(origin, hand_off.target, conditions).open(request, timeout=TIMEOUT_S)
        assert answer is not None, "no handler for http or https"
    except HTTPError as error:
        with error:
            _say(hand_off, f"status {error.code}")
            if error.code == 403 and isinstance(origin, S3Origin) and origin.treat_403_as_404:
                return Fetched(404)
            return Fetched(error.code, _passed_on(error.headers) if error.code == 304 else {})
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        # Messages of other errors may hold the URL, and with it the signature.
        message = f": {reason}" if isinstance(reason, ssl.SSLCertVerificationError) else ""
        _say(hand_off, f"{type(reason).__name__}{message}")
        return Fetched(504 if isinstance(reason, TimeoutError) else 502)
    return Fetched(200, _passed_on(answer.headers), answer)


def _say(hand_off: HandOff, why: str) -> None:
    logger.info("the origin %s answered transfer %s with: %s", hand_off.origin, hand_off.transfer_id, why)


def _open(root: str, path: str) -> Fetched:
    """Open a file whose place, with all links resolved, is below `root`."""
    place = Path(os.path.realpath(path))
    if not place.is_relative_to(os.path.realpath(root)):
        return Fetched(404)
    try:
        # Without O_NONBLOCK a FIFO would wait for its writer.
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        return Fetched(404 if error.errno in _MISSING else 502)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        return Fetched(404)
    modified = formatdate(int(state.st_mtime), usegmt=True)
    return Fetched(
        200, {"Content-Length": str(state.st_size), "Last-Modified": modified}, os.fdopen(descriptor, "rb")
    )


def _passed_on(headers: Message) -> dict[str, str]:
    found = {name: headers[name] for name in _PASSED_ON if headers.get(name) is not None}
    return {name: value for name, value in found.items() if "\n" not in value and "\r" not in value}
