"""The answer that NGINX obeys, as a Django response."""

from __future__ import annotations

from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse

from xaccel.handoff.builder import HandOff


class HandOffResponse(HttpResponse):
    """An empty answer with the hand-off's headers.

    It has no Content-Disposition, Cache-Control or Expires of its own: NGINX would send them beside those of the
    download.

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
        """Refuse to be pickled, which is what a cache does.

        A hand-off was decided for one request of one user; another would get the file unchecked.
        """
        raise TypeError("a hand-off was made for one request and cannot be kept: do not cache this view")


def keep_out_of_caches(request: HttpRequest) -> None:
    """Make Django's cache middleware and `cache_page` leave the answer to `request` alone."""
    # Django REST framework wraps the request, and the middleware looks at the one inside.
    inner: Any = getattr(request, "_request", request)
    inner._cache_update_cache = False
