"""Carry the headers that other middleware set on a hand-off, in the only way that reaches the user.

NGINX keeps six headers of the app's response, and drops all others. A header that the site declares moves into the
hand-off, so that NGINX sends it with the file.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import lru_cache

from xaccel.events import logger
from xaccel.handoff.headers import keeps_shared_caches_out
from xaccel.site import Site
from xaccel.site.protocol import AUTH_HEADER, DECLARED_START, GRANT_HEADER, PRIVATE_NAMES
from xaccel.site.rules import header_value_ok

_DOUBLED = {"content-disposition", "expires", "accept-ranges"}
"""NGINX copies these from the app's response, and sends them in addition to the download's headers."""
_AUTH = AUTH_HEADER.lower()
_NOT_LOST = {"content-type", "content-length", "set-cookie", "date", "server", "connection"}


@lru_cache(maxsize=16)
def carriers_of(declared: tuple[str, ...]) -> Mapping[str, str]:
    """Return the private header for each header of middleware, by its name in lower case; "" drops the header."""
    carriers = dict.fromkeys(_DOUBLED, "") | {name.lower(): f"{DECLARED_START}{name}" for name in declared}
    return carriers | {"cache-control": PRIVATE_NAMES["Cache-Control"]}


def carry_headers(
    carriers: Mapping[str, str], found: Iterable[tuple[str, str]], hand_off: Container[str]
) -> Iterator[tuple[str, str]]:
    """Yield the headers that replace those that middleware set, so that NGINX sends each to the user once.

    Headers of RESPONSE_HEADERS move into the hand-off, unless the view passed them. A Cache-Control that keeps shared
    caches out replaces the default one. Vary stays too for NGINX, which remembers a grant for its values only.
    found: the headers of the response with a name in `carriers`. hand_off: the other names, found in lower case.
    """
    values: dict[str, list[str]] = {}
    for name, value in found:
        values.setdefault(name.lower(), []).append(value)
    for lower, each in values.items():
        name, value, carrier = lower.title(), ", ".join(dict.fromkeys(each)), carriers[lower]
        if lower == "vary" and GRANT_HEADER.lower() in hand_off:
            yield name, value
        if not carrier or carrier.lower() in hand_off:
            continue
        if not header_value_ok(value):
            logger.warning("the header %s was dropped from a download: it is not printable ASCII", name)
        elif lower == "cache-control" and not keeps_shared_caches_out(value):
            logger.warning(
                "Cache-Control %r was dropped from a download: it lets shared caches store it. Pass cache_control= and"
                " allow_shared_cache=True to send_file if everybody may have the file.",
                value,
            )
        else:
            yield carrier, value


class MiddlewareHeaders:
    """Carries headers for a middleware around all others, which sees every response of the app."""

    MARK = "xaccel.middleware_headers"
    """In the scope or environ of a request that this class sees."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._warned = False

    def carried(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of a response, changed if it is a hand-off of the site. Warn once of those lost."""
        if not any(name.lower() == _AUTH and value in self._site.secrets for name, value in headers):
            return headers
        carriers = carriers_of(self._site.response_headers)
        kept = [(name, value) for name, value in headers if name.lower() not in carriers]
        names = {name.lower() for name, _ in kept}
        found = [(name, value) for name, value in headers if name.lower() in carriers]
        ordered = [*kept, *carry_headers(carriers, found, names)]
        # each session sets "Vary: Cookie"; only caches of several users need it
        told = {name.lower() for name, value in kept if f"{name}: {value}".lower() != "vary: cookie"}
        lost = sorted(name.title() for name in told - _NOT_LOST if not re.match("x-?accel-", name))
        if lost and not self._warned:
            self._warned = True
            logger.warning(
                "downloads are sent without %s, which middleware sets. List them in RESPONSE_HEADERS, and generate the"
                " NGINX configuration again.",
                ", ".join(lost),
            )
        return ordered
