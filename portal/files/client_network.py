"""The network that a request came from, for the limit on attempts to sign in."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_network(request: HttpRequest) -> str | None:
    """Return the client's IPv4 address or the /64 network of its IPv6 address, or None if it is unknown.

    An IPv6 subscriber has a whole /64, so attempts are counted per network. Any client can send X-Real-IP or
    X-Forwarded-For, so they count only if settings.TRUSTED_PROXY says that NGINX is in front. The last entry of
    X-Forwarded-For is the only one that NGINX itself wrote.
    """
    given = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXY:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        given = request.META.get("HTTP_X_REAL_IP") or forwarded or given
    try:
        address = ipaddress.ip_address(given.strip())
    except ValueError:
        return None
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)
