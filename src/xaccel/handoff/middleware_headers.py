"""Carry the headers that other middleware set on a hand-off, in the only way that reaches the user.

NGINX keeps six headers of the app's response, and drops all others. A header that the site declares moves into the
hand-off, so that NGINX sends it with the file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from xaccel.events import logger
from xaccel.handoff.headers import DECLARED, PRIVATE_NAMES, keeps_shared_caches_out
from xaccel.site import Site
from xaccel.site.rules import header_value_ok

_DOUBLED = {"content-disposition", "expires", "accept-ranges"}
"""NGINX copies these from the app's response, and sends them in addition to the download's headers."""
_NOT_LOST = {
    "content-type",
    "content-length",
    "set-cookie",
    "date",
    "server",
    "connection",
    "x-accel-redirect",
    "x-accel-expires",
}


def carry_headers(site: Site, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of a hand-off, with those that middleware set where NGINX sends them to the user, once.

    Headers of RESPONSE_HEADERS move into the hand-off, unless the view passed them. A Cache-Control that keeps shared
    caches out replaces the default one. Vary stays too for NGINX, which remembers a grant for its values only.
    """
    carriers = {name.lower(): f"{DECLARED}{name}" for name in site.response_headers}
    carriers["cache-control"] = PRIVATE_NAMES["Cache-Control"]
    kept: list[tuple[str, str]] = []
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in headers:
        if (lower := name.lower()) in carriers:
            found[lower].append(value)
        elif lower not in _DOUBLED:
            kept.append((name, value))
    of_view = {name.lower() for name, _ in kept}
    kept += [("Vary", value) for value in found.get("vary", ()) if "xaccel-grant" in of_view]
    for lower, values in found.items():
        name, value, carrier = lower.title(), ", ".join(dict.fromkeys(values)), carriers[lower]
        if carrier.lower() in of_view:
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
            kept.append((carrier, value))
    return kept


class MiddlewareHeaders:
    """Carries headers for a middleware around all others, which sees every response of the app."""

    MARK = "xaccel.middleware_headers"
    """In the scope or environ of a request that this class sees."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._warned = False

    def carried(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of a response; they change only if it is a hand-off of the site.

        It warns once of headers that NGINX drops.
        """
        if not any(name.lower() == "xaccel-auth" and value in self._site.secrets for name, value in headers):
            return headers
        ordered = carry_headers(self._site, headers)
        seen = {name.title() for name, _ in ordered if not name.lower().startswith("xaccel-")}
        lost = sorted(name for name in seen - {*self._site.response_headers} if name.lower() not in _NOT_LOST)
        if lost and not self._warned:
            self._warned = True
            logger.warning(
                "downloads are sent without %s, which middleware sets. List them in RESPONSE_HEADERS, and generate the"
                " NGINX configuration again.",
                ", ".join(lost),
            )
        return ordered
