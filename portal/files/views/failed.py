"""The page for an error of the server."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers
from django.views.defaults import server_error


def failed(request: HttpRequest) -> HttpResponse:
    """Return the page with status 500, and with 503 while the database is down. It is the handler500."""
    if not isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return server_error(request)
    # without the request: who the user is, only the database knows
    page = HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "60"})
    add_never_cache_headers(page)
    return page
