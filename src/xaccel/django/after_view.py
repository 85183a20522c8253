"""Work for HandOffMiddleware to do after the view, in the request's META: REST framework wraps the request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

AFTER_VIEW = "xaccel.after_view"
UNRECORDED = "xaccel.unrecorded"


class ForNginx(HttpResponse):
    """A response whose private headers are for NGINX, and no hand-off."""


def unrecorded(request: HttpRequest) -> None:
    """Turn the exception that follows into a 503."""
    request.META[UNRECORDED] = True


def run_after_view(request: HttpRequest, do: Callable[[], object]) -> None:
    """Call `do` after the view, even after a rollback of its transaction. Its exception replaces the response."""
    request.META.setdefault(AFTER_VIEW, []).append(do)


def finish_view(request: HttpRequest) -> None:
    """Call what `run_after_view` was given."""
    for do in request.META.pop(AFTER_VIEW, ()):
        do()
