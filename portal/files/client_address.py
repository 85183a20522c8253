"""The address a request came from."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Return the client's IP address, or None when none is known.

    Anybody can send X-Real-IP or X-Forwarded-For, so they count only where settings.TRUSTED_PROXY says that NGINX
    is in front; of X-Forwarded-For the last entry, the only one that NGINX itself wrote.
    """
    given = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXY:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        given = request.META.get("HTTP_X_REAL_IP") or forwarded or given
    try:
        return str(ipaddress.ip_address(given.strip()))
    except ValueError:
        return None
