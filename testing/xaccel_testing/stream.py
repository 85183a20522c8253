"""Development without NGINX: Django sends the file, with the headers that NGINX would send.

HandOffMiddleware replaces the hand-off after all other middleware, so that the project's code sees the same response as
in production. No ranges, no conditions of the storage, no cache, no limits. With DEBUG off it is refused.
"""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date

from xaccel.django.conf import configuration
from xaccel.events import logger
from xaccel.handoff.builder import HandOff
from xaccel.handoff.headers import default_policy
from xaccel.http_client.origin import open_origin
from xaccel.site.origins import LocalOrigin, Origin, S3Origin
from xaccel.site.protocol import CSP_HEADER
from xaccel_testing.as_nginx import pages, visible_headers

CHUNK_BYTES = 64 * 1024

_PASSED_ON = "Content-Type Content-Length Content-Encoding Content-Language ETag Last-Modified".split()


def follow(request: HttpRequest, response: HttpResponse, hand_off: HandOff) -> HttpResponseBase:
    """Return the user's response: the file, or the plain page of NGINX.

    response: the hand-off after all middleware.
    """
    headers = tuple(response.items())
    visible = tuple(visible_headers(headers).items())
    answer = _stream(request, replace(hand_off, headers=headers, visible_headers=visible))
    # NGINX passes Set-Cookie on
    answer.cookies = response.cookies
    # the request's uploads are closed with the response that the server gets
    closers: Any = answer
    closers._resource_closers.extend(vars(response)["_resource_closers"])
    return answer


def _stream(request: HttpRequest, hand_off: HandOff) -> HttpResponseBase:
    fetched = _fetch(hand_off, configuration().site.origin(hand_off.event.origin))
    if isinstance(fetched, int):
        return _page(fetched)
    found, body = fetched
    headers = {"Content-Type": "application/octet-stream", **found, **dict(hand_off.visible_headers)}
    headers["Accept-Ranges"] = "none"
    if CSP_HEADER not in dict(hand_off.headers):
        headers["Content-Security-Policy"] = default_policy(headers["Content-Type"])
    if request.method == "HEAD":
        body.close()
        return HttpResponse(headers=headers)
    under_asgi = isinstance(getattr(request, "_request", request), ASGIRequest)
    chunks = _aread(body) if under_asgi else _read(body)
    response = StreamingHttpResponse(chunks, headers=headers)
    # A response that nobody reads is closed too.
    closers: Any = response
    closers._resource_closers.append(body.close)
    return response


def _page(origin_status: int) -> HttpResponse:
    page = next((page for page in pages() if origin_status in page.origin), pages()[-1])
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


_Fetched = tuple[dict[str, str], IO[bytes]]


def _fetch(hand_off: HandOff, origin: Origin) -> _Fetched | int:
    """Request the object that `hand_off` names. Returns headers and body, or a status: of the origin, 502 or 504.

    It follows the redirects that the origin's `redirect_hosts` allow.
    """
    if isinstance(origin, LocalOrigin):
        return _open(origin.root, hand_off.target)
    method = dict(hand_off.headers).get("Xaccel-Method", "GET")
    try:
        answer = open_origin(origin, hand_off.target, method=method)
    except (OSError, ValueError, http.client.HTTPException) as error:
        # Messages of other errors may hold the URL, and with it the signature.
        message = f": {error}" if isinstance(error, ssl.SSLCertVerificationError) else ""
        _say(hand_off, f"{type(error).__name__}{message}")
        return 504 if isinstance(error, TimeoutError) else 502
    if answer.status >= 300:
        answer.close()
        _say(hand_off, f"status {answer.status}")
        is_hidden = answer.status == 403 and isinstance(origin, S3Origin) and origin.treat_403_as_404
        return 404 if is_hidden else answer.status
    found = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
    # A value in several lines is no header for Django.
    return {name: value for name, value in found.items() if len(value.splitlines()) == 1}, answer


def _say(hand_off: HandOff, why: str) -> None:
    event = hand_off.event
    logger.info("the origin %s responded to transfer %s with: %s", event.origin, event.transfer_id, why)


def _open(root: str, path: str) -> _Fetched | int:
    """Open a file whose place, with all links resolved, is below `root`."""
    place = os.path.realpath(path)
    if not Path(place).is_relative_to(os.path.realpath(root)) or not os.path.isfile(place):
        return 404
    try:
        body = open(place, "rb")  # noqa: SIM115  (the response closes it)
    except OSError:
        return 502
    state = os.fstat(body.fileno())
    return {"Content-Length": str(state.st_size), "Last-Modified": http_date(state.st_mtime)}, body
