"""The address that browsers request for the icon of a response that is no page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead to the icon of the pages."""
    return redirect(static("portal/icon.svg"))
