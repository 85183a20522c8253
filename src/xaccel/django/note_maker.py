"""What a hand-off carries into NGINX's line beside the library's own fields."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest

from xaccel.events import DownloadEvent

NoteMaker = Callable[[HttpRequest, DownloadEvent], str]
"""Returns printable ASCII without a blank, or "" for nothing."""

_makers: list[NoteMaker] = []


def register(maker: NoteMaker) -> None:
    """Use `maker` for every hand-off from now on; there is one."""
    _makers[:] = [maker]


def note_of(request: HttpRequest, event: DownloadEvent) -> str:
    """Return the note of one hand-off."""
    return _makers[0](request, event) if _makers else ""
