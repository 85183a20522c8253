"""The client's conditions, answered by Django where the app has validators of its own."""

from __future__ import annotations

from copy import copy

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import parse_http_date

from xaccel.handoff.builder import HandOff

_UNMODIFIED = "HTTP_IF_UNMODIFIED_SINCE"
_CONDITIONS = frozenset(("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", _UNMODIFIED))
_ON_412 = ("Cache-Control", "ETag", "Last-Modified")


def answer_to_conditions(request: HttpRequest, hand_off: HandOff) -> HttpResponseBase | None:
    """Return a 304 or 412, or None where the file is to be sent or the app gave no validator.

    Without one the origin's validators stand, and the conditions pass to it.
    """
    if _CONDITIONS.isdisjoint(request.META):
        return None
    visible = dict(hand_off.visible_headers)
    etag, last_modified = visible.get("ETag"), visible.get("Last-Modified")
    if etag is None and last_modified is None:
        return None
    if last_modified is None and _UNMODIFIED in request.META:
        # RFC 9110 section 13.1.4 says to ignore it; Django answers 412
        request = copy(request)
        request.META = {name: value for name, value in request.META.items() if name != _UNMODIFIED}
    whole = HttpResponse(headers=visible)
    answer = get_conditional_response(
        request,
        etag=etag,
        last_modified=None if last_modified is None else parse_http_date(last_modified),
        response=whole,
    )
    if answer is None or answer is whole:
        return None
    if answer.status_code == 412:
        # Empty, and so of no type.
        del answer.headers["Content-Type"]
        answer.headers["Content-Length"] = "0"
        for name in _ON_412:
            if name in visible:
                answer.headers[name] = visible[name]
    return answer
