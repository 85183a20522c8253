"""What is done when the view's transactions are over: HandOffMiddleware does it, before the answer goes out."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest

_KEY = "xaccel.after_view"


def later(request: HttpRequest, do: Callable[[], None]) -> None:
    """Have `do` called after the view, whatever became of its transaction."""
    # Django REST framework wraps the request; both share META.
    request.META.setdefault(_KEY, []).append(do)


def is_due(request: HttpRequest) -> bool:
    """Tell whether something is left to do."""
    return _KEY in request.META


def do(request: HttpRequest) -> None:
    """Do it. What it raises takes the place of the answer."""
    for each in request.META.pop(_KEY, ()):
        each()
