"""Check the names and values of headers, and whether a site may declare them."""

from __future__ import annotations

import re

from xaccel.errors import HeaderRefused, OptionRefused

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")

OWNED_RESPONSE_HEADERS = frozenset(
    (
        "accept-ranges age allow cache-control connection content-disposition content-encoding content-length "
        "content-location content-range content-type date etag expires keep-alive last-modified location "
        "proxy-authenticate refresh server set-cookie set-cookie2 te trailer transfer-encoding upgrade via "
        "www-authenticate x-content-type-options "
    ).split()
)
"""Names (lower case) that NGINX or a hand-off option decides, so that a site cannot declare them."""

FORBIDDEN_REQUEST_HEADERS = frozenset(
    (
        "accept-encoding connection content-length cookie expect host if-match if-modified-since "
        "if-none-match if-range if-unmodified-since keep-alive proxy-connection range te trailer "
        "transfer-encoding upgrade user-agent via "
    ).split()
)
"""Names (lower case) that cannot be a fixed request header of an origin."""


def header_name_ok(name: object) -> bool:
    """Tell whether `name` is a header name of letters, digits and '-' (RFC 9110 section 5.1, without '_')."""
    return isinstance(name, str) and _TOKEN.fullmatch(name) is not None


def header_value_ok(value: object) -> bool:
    """Tell whether `value` is non-empty printable ASCII without blanks at its ends (RFC 9110 section 5.5)."""
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None


def declarable(name: object) -> bool:
    """Tell whether a site may declare `name` as one of its response headers."""
    if not isinstance(name, str) or not header_name_ok(name):
        return False
    lower = name.lower()
    return lower not in OWNED_RESPONSE_HEADERS and not lower.startswith(("xaccel-", "x-accel-"))


def require_header_value(value: object, where: str) -> str:
    """Return `value` if a header can carry it.

    Raises HeaderRefused for anything but printable ASCII: a CR or LF would start another header, and app servers refuse
    or re-encode the rest.
    """
    if isinstance(value, str) and _VALUE.fullmatch(value):
        return value
    remedy = "Use printable ASCII without blanks at its ends."
    raise HeaderRefused(f"{value!r} cannot be a header value", where=where, remedy=remedy)


def require_number(value: object, where: str, least: int) -> str:
    """Return a number of bytes, of 18 digits at most, as a header has it. Raises OptionRefused for another value."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 10**18:
        return str(value)
    remedy = f"Give a whole number, {least} or more."
    raise OptionRefused(f"{value!r} is not a number of bytes", where=where, remedy=remedy)
