"""The address and the network that a request came from."""

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


def client_network(request: HttpRequest) -> str | None:
    """Return the IPv4 address of the client, or the /64 network of its IPv6 address.

    A single IPv6 subscriber has a whole /64, so attempts to sign in are counted for the network.
    """
    given = client_address(request)
    if given is None:
        return None
    address = ipaddress.ip_address(given)
    if address.version == 4:
        return given
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)
