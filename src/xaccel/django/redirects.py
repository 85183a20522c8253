"""Make downloads of a project's redirects to its storage, without a change of its views."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import lru_cache

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from xaccel.adapters.base import ClientRequest, answer_of
from xaccel.adapters.redirects import Follower
from xaccel.decisions import authorized
from xaccel.django.conf import configuration, under_test
from xaccel.django.decisions import send_decision, subject_of
from xaccel.django.middleware import SyncAndAsyncMiddleware, respond_unrecorded
from xaccel.django.send_file import HandOffResponse
from xaccel.sender import Sender
from xaccel.site.keys import is_from_nginx
from xaccel.urls import REDIRECTS


class RedirectMiddleware(SyncAndAsyncMiddleware):
    """Makes downloads of the redirects that lead to `origins` of REDIRECTS. All other responses pass as they are.

    Put it behind `HandOffMiddleware`. The subject is the user's primary key, unless the response names another one in
    the header `subject` of REDIRECTS. With DEBUG on and without NGINX, the redirects pass. For example:

        MIDDLEWARE = ["xaccel.django.HandOffMiddleware", "xaccel.django.redirects.RedirectMiddleware", ...]

    Raises ConfigError at the first request unless the site has REDIRECTS without `paths`.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the project's response, or the hand-off that replaces it."""
        if self._is_async:
            return self._acall(request)
        response: HttpResponseBase = self.get_response(request)
        followed = response.status_code in REDIRECTS and _followed(request, response)
        return followed or _passed(response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        followed = response.status_code in REDIRECTS and await sync_to_async(_followed)(request, response)
        return followed or _passed(response)


@lru_cache(maxsize=1)
def _follower(sender: Sender) -> Follower:
    return Follower(sender)


def _passed(response: HttpResponseBase) -> HttpResponseBase:
    """Return the project's response without the header that names the subject."""
    del response[_follower(configuration().sender).subject]
    return response


def _followed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase | None:
    """Return the response that replaces the project's; None if that passes. It waits for the receivers of signals."""
    conf = configuration()
    # Django has decoded the path of META
    asked = ClientRequest.of_environ(request.META, "utf-8", request.method or "")
    is_debug = settings.DEBUG and not under_test()
    if conf.delivery == "stream" or (is_debug and not is_from_nginx(conf.site, asked.token)):
        return None
    subject = subject_of(getattr(request, "user", None))
    hand_off = _follower(conf.sender).follow(
        asked.method, response.status_code, response.items(), subject=subject
    )
    if hand_off is None:
        return None
    answer = answer_of(conf.site, hand_off, asked, debug=False)
    try:
        send_decision(request, authorized(hand_off, answer.status))
    except Exception as error:
        if unrecorded := respond_unrecorded(request, error):
            return unrecorded
        raise
    request._cache_update_cache = False  # type: ignore[attr-defined]  # Django's cache leaves the hand-off alone
    made = HandOffResponse(answer.body, status=answer.status, headers=dict(answer.headers))
    made.hand_off, made.streams, made.cookies = hand_off, False, response.cookies
    return made
