"""Headers of a hand-off: what the user sees, how private headers carry it, and the limits of a transfer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import quote, urlencode

from xaccel.errors import HeaderRefused, OptionRefused
from xaccel.options import UNLIMITED, Options
from xaccel.site import Site
from xaccel.site.protocol import (
    CONCURRENCY_HEADER,
    CONCURRENCY_KEY_HEADER,
    CSP_HEADER,
    DECLARED_START,
    PRIVATE_NAMES,
    RATE_AFTER_HEADER,
    RATE_HEADER,
)
from xaccel.site.rules import HEADER_VALUE, header_value_ok

DEFAULT_CACHE_CONTROL = "private, no-cache"
"""The browser stores the file and asks each time: permission is checked, and a 304 saves the bytes."""

# A file is somebody's upload on the app's own host: as HTML, SVG or XML it could act as the app. The policies serve the
# NGINX configuration (the type may be the origin's, known there only) and the development server.
PARAMETERS = r"""(?: *;(?:[ !#-&(-+.-\[\]-~-]|"[ !#-&(-\[\]-~]*")*)?"""
"""The parameters of a media type, as a regular expression.

Browsers use the last type of a list (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type). A comma is
therefore allowed only between double quotes, and `\\` and `'` nowhere: parsers disagree about where these end a quote.
"""

_EVERYWHERE = "form-action 'none'; base-uri 'none'"

SANDBOX = f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; {_EVERYWHERE}; sandbox"
"""For HTML, SVG, XML, text and every type not below: shown, without scripts, forms, storage and origin."""

BY_TYPE: tuple[tuple[str, str], ...] = (
    (
        rf"^(?:audio|video)/[a-z0-9!#$&^_.-]+{PARAMETERS}$",
        f"default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; {_EVERYWHERE}",
    ),
    (
        rf"^application/pdf{PARAMETERS}$",
        f"default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; {_EVERYWHERE}",
    ),
)
"""Regular expressions (Python's and PCRE's alike, without case) on the whole type, and the policy for it.

A subtype with "+" is not matched: every type that ends in "+xml" is XML, which may be a page
(https://mimesniff.spec.whatwg.org/#xml-mime-type).

A sandbox keeps Chromium from playing media (tests/browser/test_open.py) and Safari from showing some PDFs
(github.com/adobe/aem-core-wcm-components/issues/2839); Chromium itself takes every policy off a PDF. Browsers put both
into generated pages, which may need inline styles.
"""

LONGEST_KEY = 255
"""Bytes: NGINX does not count a longer key at all (ngx_http_limit_conn_module.c, tests/live/limits/test_limits.py)."""

_PUBLIC_NAMES = {private.lower(): public for public, private in PRIVATE_NAMES.items()} | {
    CSP_HEADER.lower(): "Content-Security-Policy"
}
_ETAG = re.compile(r'(?:W/)?"[!#-~]*"')
_OPAQUE = re.compile(r"[!#-~]{1,200}")


NOTE_OF_DECISION = "decision:"
"""How the note of a hand-off begins that says what the app decided."""
NOTE_OF_GRANT = "grant:"
"""How the note of a use of a grant begins; the id of the decision follows (engine/grants/maps.conf)."""
_GRANT = re.compile("(?:^grant:|&grant=)([0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class Answer:
    """The app's response. A hand-off has the site's secret in its headers: never show or log it."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = b""


def plain_response(status: int, method: str | None, text: str = "") -> Answer:
    """Return a response of plain text that no cache stores. Without a text it says what its status means."""
    body = (text or f"{HTTPStatus(status).phrase}\n").encode()
    headers = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Content-Length", str(len(body))),
    )
    return Answer(status, headers, b"" if method == "HEAD" else body)


def public_name(private_name: str) -> str | None:
    """Return the header in which the user sees the value of a private one; None if NGINX sends it to no one."""
    if private_name.lower().startswith(DECLARED_START.lower()):
        return private_name[len(DECLARED_START) :]
    return _PUBLIC_NAMES.get(private_name.lower())


@lru_cache(maxsize=256)
def default_policy(content_type: str) -> str:
    """Return the policy for a Content-Type, "" included."""
    flags = re.IGNORECASE | re.ASCII
    return next((policy for pattern, policy in BY_TYPE if re.search(pattern, content_type, flags)), SANDBOX)


def keeps_shared_caches_out(value: str) -> bool:
    """Tell whether no shared cache may store a response with this Cache-Control (RFC 9111 section 5.2.2)."""
    # Here, because its module loads http.client, ssl and email: a third of what `import xaccel` would cost.
    from urllib.request import parse_http_list

    directives = {item.strip().lower() for item in parse_http_list(value)}
    return not directives.isdisjoint({"private", "no-store"})


def cache_control(value: str, *, allow_shared_cache: bool) -> str:
    """Return the header's value.

    Raises OptionRefused for a value that lets shared caches store unless `allow_shared_cache`, and HeaderRefused for
    what no header can carry.
    """
    require_header_value(value, "cache_control")
    if not allow_shared_cache and not keeps_shared_caches_out(value):
        what = f"{value!r} lets shared caches keep a file that was checked for one user"
        remedy = 'Add "private", or pass allow_shared_cache=True for a file that everybody may have.'
        raise OptionRefused(what, where="cache_control", remedy=remedy)
    return value


def etag_header(value: str) -> str:
    """Return an entity tag in quotes; one that has them, or the weak mark, stays (RFC 9110 section 8.8.3).

    Raises OptionRefused for blanks, quotes inside, control characters and non-ASCII.
    """
    if isinstance(value, str) and _ETAG.fullmatch(value):
        return value
    if isinstance(value, str) and _OPAQUE.fullmatch(value):
        return f'"{value}"'
    remedy = "Use printable ASCII without blanks and quotes, for example a checksum in hexadecimal."
    raise OptionRefused(f"{value!r} cannot be an entity tag", where="etag", remedy=remedy)


def last_modified_header(value: datetime) -> str:
    """Return an HTTP date in whole seconds (RFC 9110 section 5.6.7). Raises OptionRefused for a naive datetime."""
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return format_datetime(value.astimezone(UTC), usegmt=True)
    remedy = "Pass an aware datetime, for example in UTC."
    raise OptionRefused(f"{value!r} is not a datetime with a time zone", where="last_modified", remedy=remedy)


def limit_headers(site: Site, options: Options) -> list[tuple[str, str]]:
    """Return the private headers that limit this transfer. Headers with NGINX's default value are omitted.

    Raises OptionRefused if a value is not a number, the class is unknown, or a class has no subject to count.
    """
    headers: list[tuple[str, str]] = []
    rate, after = options.limit_rate, options.limit_rate_after
    if rate is not None:
        headers.append((RATE_HEADER, "0" if rate == UNLIMITED else require_number(rate, "limit_rate", 1)))
    if after is not None:
        headers.append((RATE_AFTER_HEADER, require_number(after, "limit_rate_after", 0)))
    return headers + _concurrency(site, options)


def _concurrency(site: Site, options: Options) -> list[tuple[str, str]]:
    name, key = options.concurrency or "", options.concurrency_key or options.subject
    if name == UNLIMITED:
        return [(CONCURRENCY_HEADER, UNLIMITED)] if site.concurrency else []
    if name and name not in site.concurrency:
        remedy = (
            f"Use {UNLIMITED!r} or one of: {', '.join(sorted(site.concurrency)) or '(none is configured)'}. Classes"
            " are in CONCURRENCY; after a change generate the NGINX configuration again and reload NGINX."
        )
        raise OptionRefused(f"the site has no class {name!r}", where="concurrency", remedy=remedy)
    if not isinstance(key, str):
        raise OptionRefused(f"{key!r} is not text", where="concurrency_key", remedy="Give text.")
    if name and not key:
        what = f"class {name!r} counts transfers of a subject, and none is given"
        remedy = "Give `subject` or `concurrency_key`, so that the transfer is counted."
        raise OptionRefused(what, where="concurrency_key", remedy=remedy)
    headers = [(CONCURRENCY_HEADER, name)] if name else []
    if site.concurrency and (spelled := _spelled(key)) != options.subject:
        headers.append((CONCURRENCY_KEY_HEADER, spelled))
    return headers


def _spelled(key: str) -> str:
    """A key that a header or NGINX would not take is counted by its hash."""
    if not key or (len(key) <= LONGEST_KEY and header_value_ok(key)):
        return key
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def decision_note(**given: str) -> str:
    """Return the note for the log entry: "decision:key=2026/report.pdf&reason=…", without empty values."""
    said = {name: value for name, value in given.items() if value}
    return NOTE_OF_DECISION + urlencode(said, safe="/", errors="replace", quote_via=quote)


def grant_of(note: str) -> str:
    """Return the id of the decision that NGINX remembered, from a note in its log; "" if it asked the app."""
    found = _GRANT.search(note)
    return found[1] if found else ""


def require_header_value(value: object, where: str) -> str:
    """Return `value` if a header can carry it.

    Raises HeaderRefused for anything but printable ASCII: a CR or LF would start another header, and app servers refuse
    or re-encode the rest.
    """
    if isinstance(value, str) and HEADER_VALUE.fullmatch(value):
        return value
    remedy = "Use printable ASCII without blanks at its ends."
    raise HeaderRefused(f"{value!r} cannot be a header value", where=where, remedy=remedy)


def require_number(value: object, where: str, least: int) -> str:
    """Return a number of bytes, of 18 digits at most, as a header has it. Raises OptionRefused for another value."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 10**18:
        return str(value)
    remedy = f"Give a whole number, {least} or more."
    raise OptionRefused(f"{value!r} is not a number of bytes", where=where, remedy=remedy)
