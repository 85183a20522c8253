"""What the user sees of a hand-off, read from its headers: for whoever stands in for NGINX."""

from __future__ import annotations

from collections.abc import Iterable

from xaccel.handoff.cache_control import DEFAULT

PRIVATE_NAMES = {
    "Content-Type": "Xaccel-Type",
    "Content-Disposition": "Xaccel-Disposition",
    "Cache-Control": "Xaccel-Cache-Control",
    "ETag": "Xaccel-Etag",
    "Last-Modified": "Xaccel-Last-Modified",
}
"""The user's headers that a hand-off decides, each with the private header that carries it."""

CSP = "Xaccel-Csp"
DECLARED = "Xaccel-Header-"
"""What stands before the name of a header that the site declares."""

_PUBLIC_NAMES = {
    **{private.lower(): public for public, private in PRIVATE_NAMES.items()},
    CSP.lower(): "Content-Security-Policy",
}


def public_name(private_name: str) -> str | None:
    """Return the header in which the user sees the value of a private one; None where NGINX keeps it to itself."""
    if private_name.lower().startswith(DECLARED.lower()):
        return private_name[len(DECLARED) :]
    return _PUBLIC_NAMES.get(private_name.lower())


def visible_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what NGINX makes of a hand-off's headers on a 200, as far as the app decides it.

    Content-Security-Policy is missing where the hand-off has none: it then follows the type, which may be the origin's.
    """
    told = {shown: value for name, value in headers if (shown := public_name(name)) is not None}
    return {"Cache-Control": DEFAULT, "X-Content-Type-Options": "nosniff", **told}
