"""Pass the headers of other middleware and decorators to NGINX, in the only way that reaches the user."""

from __future__ import annotations

import posixpath
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from xaccel.adapters.base import find_responder, refuse_upload
from xaccel.django.conf import configuration
from xaccel.django.decisions import AFTER_VIEW, UNRECORDED, ForNginx, finish_view, send_decision
from xaccel.django.send_file import HandOffResponse
from xaccel.errors import UploadFailed, XaccelError
from xaccel.events import logger
from xaccel.handoff.headers import Answer
from xaccel.handoff.middleware_headers import MiddlewareHeaders, carriers_of, carry_headers
from xaccel.site.protocol import (
    INTERNAL_START,
    PRIVATE_START,
    REDIRECT_HEADER,
    UPLOAD_FORM,
    UPLOAD_TOKEN_HEADER,
    name_in_environ,
)

if TYPE_CHECKING:
    from xaccel.features.archives.kept import Layouts

_FOLLOW = "xaccel_testing.stream:follow"
"""Sends the file in development. A deployment does not have it."""
_UPLOAD = name_in_environ(UPLOAD_TOKEN_HEADER)
_COMPLETE = "xaccel.complete"


class SyncAndAsyncMiddleware:
    """Base of middleware for sync and async projects.

    See https://docs.djangoproject.com/en/stable/topics/http/middleware/#asynchronous-support.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the response; in an async project, a coroutine that returns it."""
        raise NotImplementedError


class HandOffMiddleware(SyncAndAsyncMiddleware):
    """Moves headers that other middleware set into the hand-off. Put it first in MIDDLEWARE.

    NGINX keeps Content-Type, Content-Disposition, Cache-Control, Expires, Set-Cookie and Accept-Ranges of the app's
    response, and drops all others. So the headers of RESPONSE_HEADERS move into the hand-off, and those that the user
    would get twice are removed. A Cache-Control that keeps shared caches out replaces the default one.

    Other responses lose the headers that only a hand-off may have, in case a view copied them from somewhere.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        # System checks report what is wrong, and so does the first hand-off; the project's other pages must respond.
        with suppress(XaccelError):
            configuration().sender.places.find_all()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the project's response, with the headers of a hand-off put in order."""
        request.META[MiddlewareHeaders.MARK] = True
        if self._is_async:
            return self._acall(request)
        if _UPLOAD in request.META and (ended := _end_of_upload(request)):
            return ended
        if request.path_info.startswith(INTERNAL_START) and (answer := _respond_to_nginx(request)):
            return answer
        response: HttpResponseBase = self.get_response(request)
        if AFTER_VIEW in request.META:
            finish_view(request)
        if _UPLOAD in request.META and (refusal := _own_refusal(request, response)):
            return refusal
        _finish_hand_off(request, response)
        if isinstance(response, HandOffResponse) and response.streams:
            follow = resolve_name(_FOLLOW)
            return follow(request, response, response.hand_off)  # type: ignore[no-any-return]
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        if _UPLOAD in request.META and (ended := await sync_to_async(_end_of_upload)(request)):
            return ended
        is_for_nginx = request.path_info.startswith(INTERNAL_START)
        if is_for_nginx and (answer := await sync_to_async(_respond_to_nginx)(request)):
            return answer
        try:
            response: HttpResponseBase = await self.get_response(request)
        except CancelledError:
            # The client went away. A view in a thread keeps running; `sync_to_async` queues behind it.
            await sync_to_async(finish_view)(request)
            raise
        if AFTER_VIEW in request.META:
            await sync_to_async(finish_view)(request)
        if _UPLOAD in request.META and (refusal := _own_refusal(request, response)):
            return refusal
        _finish_hand_off(request, response)
        if isinstance(response, HandOffResponse) and response.streams:
            follow = sync_to_async(resolve_name(_FOLLOW), thread_sensitive=False)
            return await follow(request, response, response.hand_off)  # type: ignore[no-any-return]
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Respond for `received`, and with 503 if a decision could not be recorded, because its database is down."""
        if isinstance(exception, UploadFailed):
            return _response(refuse_upload(exception, request.headers.get("Accept", "")))
        return respond_unrecorded(request, exception)


def respond_unrecorded(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Return a 503 if `exception` is that of a decision that could not be recorded; None for another."""
    if UNRECORDED not in request.META:
        return None
    logger.error("a decision could not be recorded, so the response is 503", exc_info=exception)
    headers = {"Retry-After": "5", "Cache-Control": "no-store"}
    text = "Downloads are not available at the moment. Try again in a minute.\n"
    return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8", headers=headers)


def _end_of_upload(request: HttpRequest) -> HttpResponse | None:
    """Take NGINX's word for the end of an upload: its beginning had the token against cross-site requests.

    The user may have signed out or in since, which changes that token. Django's own test client sets the attribute.
    Return the response if the upload goes on.
    """
    from xaccel.features.uploads.receive import is_end  # a site without uploads does not need it

    if not is_end(configuration().site, request.headers):
        if UPLOAD_FORM in request.GET:
            from xaccel.django.uploads.forms import trust_address

            trust_address(request)
        return None
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    if request.method != "PATCH":
        return None
    from xaccel.django.uploads.parts import part_ended

    answer = part_ended(request)
    request.META[_COMPLETE] = answer is None
    return _response(answer) if answer else None


def _own_refusal(request: HttpRequest, response: HttpResponseBase) -> HttpResponse | None:
    """Return the response to NGINX with a view's own refusal of an upload; None for another response."""
    if isinstance(response, ForNginx) or response.status_code < 400:
        return None
    from xaccel.features.uploads.own_refusal import refuse_as_the_view
    from xaccel.features.uploads.receive import is_ask

    site = configuration().site
    if not is_ask(site, request.headers):
        return None
    body = response.content if isinstance(response, HttpResponse) else b""
    answer = refuse_as_the_view(site, response.status_code, list(response.items()), body)
    return _response(answer) if answer else None


def _response(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def _respond_to_nginx(request: HttpRequest) -> HttpResponse | None:
    """Respond to NGINX itself; None for a request to the project."""
    record = partial(send_decision, request)
    respond = find_responder(configuration().sender, request.path_info, _layouts, record)
    return _response(respond(request.method or "", request.headers)) if respond else None


def _layouts() -> Layouts:
    from xaccel.django.archives import layouts_of  # a site without archives does not need it

    return layouts_of(configuration().site)


def _finish_hand_off(request: HttpRequest, response: HttpResponseBase) -> None:
    if request.META.pop(_COMPLETE, False):
        response["Upload-Complete"] = "?1"
    if isinstance(response, HandOffResponse):
        headers, carriers = response.headers, carriers_of(configuration().site.response_headers)
        found = [(name, headers[name]) for name in headers if name.lower() in carriers]
        for name, _ in found:
            del headers[name]
        for name, value in carry_headers(carriers, found, headers):
            headers[name] = value
    elif not isinstance(response, ForNginx):
        _strip_private_headers(response)


def _strip_private_headers(response: HttpResponseBase) -> None:
    names = [name for name in response.headers if name.lower().startswith(PRIVATE_START.lower())]
    redirect = response.get(REDIRECT_HEADER)
    # Another package's internal locations are its own affair.
    if redirect is not None and _is_internal(redirect):
        names.append(REDIRECT_HEADER)
    for name in names:
        del response[name]
        logger.warning("the header %s was removed from a response that is not a hand-off", name)


def _is_internal(redirect: str) -> bool:
    redirect = redirect.strip()
    if redirect.startswith("@xaccel"):
        return True
    path = posixpath.normpath("/" + unquote(redirect.partition("?")[0]).lstrip("/")) + "/"
    return path.startswith(configuration().site.internal_prefix)
