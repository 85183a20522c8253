"""The responses to a download, and the report to `xaccel trace`."""

from __future__ import annotations

from typing import NoReturn

from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest, HttpResponse

from xaccel.adapter import ENVIRON, ClientRequest
from xaccel.events import logger
from xaccel.handoff.builder import HandOff
from xaccel.handoff.conditions import answer_to_conditions, headers_of_answer
from xaccel.handoff.trace_key import LIFE_S, spend_in_memory, trace_headers
from xaccel.handoff.without_nginx import is_from_nginx, page
from xaccel.site import Site


class HandOffResponse(HttpResponse):
    """An empty response with the hand-off's headers.

    It has no Content-Disposition, Cache-Control or Expires: NGINX would send them in addition to those of the download.

    hand_off: what was decided, for tests; NGINX obeys the headers, which middleware may still change.
    keeps_cache_control: the view chose the download's Cache-Control, so that no middleware replaces it.
    """

    def __init__(self, hand_off: HandOff, *, keeps_cache_control: bool) -> None:
        super().__init__(
            status=hand_off.status, content_type="application/octet-stream", headers=dict(hand_off.headers)
        )
        self["Content-Length"] = "0"
        self.hand_off = hand_off
        self.keeps_cache_control = keeps_cache_control

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled, which is what a cache does: another user would get the file unchecked."""
        raise TypeError("a hand-off is for one request and cannot be stored: do not cache this view")


def respond(request: HttpRequest, hand_off: HandOff, *, keeps_cache_control: bool) -> HttpResponse:
    """Return the hand-off as a response, or the 304 or 412 that the app's own validators lead to."""
    if not ENVIRON.keys().isdisjoint(request.META):
        conditions = ClientRequest.of_environ(request.META).conditions
        status = answer_to_conditions(request.method or "", conditions, hand_off.visible_headers)
        if status is not None:
            response = HttpResponse(status=status, headers=dict(headers_of_answer(hand_off.visible_headers)))
            # It is empty, and so has no type.
            del response["Content-Type"]
            if status != 304:
                response["Content-Length"] = "0"
            return response
    return HandOffResponse(hand_off, keeps_cache_control=keeps_cache_control)


def page_without_nginx(request: HttpRequest, site: Site) -> HttpResponse | None:
    """Return what replaces a hand-off in debug mode; None if the request came through NGINX."""
    if is_from_nginx(site, ClientRequest.of_environ(request.META).token):
        return None
    answer = page(request.method)
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def report_headers(
    request: HttpRequest, site: Site, hand_off: HandOff, own_status: int | None
) -> list[tuple[str, str]]:
    """Return what `trace_headers` does, once for each key where all processes of the project share a cache."""
    # Django has decoded the path of META.
    traced = ClientRequest.of_environ(request.META, "utf-8").traced
    return trace_headers(site, traced, hand_off, own_status, _spend) if traced else []


def _spend(nonce: str, now: float) -> str | None:
    remembered = spend_in_memory(nonce, now)
    try:
        cache = caches["default"]
        if remembered is None or isinstance(cache, DummyCache | LocMemCache):
            return remembered
        is_new = cache.add(f"xaccel.trace.{nonce}", 1, 2 * LIFE_S)
    except Exception as error:  # noqa: BLE001  (each cache has its own)
        logger.warning("a trace was refused: the cache cannot remember its key (%s)", type(error).__name__)
        return None
    return f"by CACHES['default'] ({type(cache).__name__})" if is_new else None
