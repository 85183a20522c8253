"""Downloads from views of Django REST framework: which types a client accepts does not matter to a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    from rest_framework.exceptions import NotAcceptable
    from rest_framework.negotiation import DefaultContentNegotiation
except ImportError as error:
    raise ImportError(
        "xaccel.django.rest_framework needs Django REST framework: install the package djangorestframework"
    ) from error

from django.http import Http404


class DownloadNegotiation(DefaultContentNegotiation):  # type: ignore[misc]
    """The `content_negotiation_class` of a view that calls `send_file`.

    DRF looks for a renderer before it calls the view, and returns 406 for `Accept: application/pdf`, since none of its
    renderers makes PDF. A file needs no renderer, so this class then chooses the first one, for errors. If DRF finds a
    renderer, nothing changes: browsers get errors on pages, programs as JSON.
    """

    def select_renderer(
        self, request: Any, renderers: Sequence[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """Return a renderer and its media type, as DRF's own method does, and never fail."""
        try:
            chosen: tuple[Any, str] = super().select_renderer(request, renderers, format_suffix)
        except (NotAcceptable, Http404):
            # Http404 is DRF's word for a ?format= that no renderer has.
            return renderers[0], renderers[0].media_type
        return chosen
