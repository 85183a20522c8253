"""XA315, XA632, XA633: what differs on the way: clocks, and what a proxy in front or NGINX makes of a response."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import wraps
from http.client import HTTPException
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from xaccel.handoff.identifiers import PATTERN
from xaccel.http_client.exchange import Exchange
from xaccel.site.protocol import ID_HEADER, PRIVATE_NAMES
from xaccel.tools.doctor.check import Evidence, Look, check
from xaccel.tools.doctor.first_download import logged_download, reported_hand_off
from xaccel.tools.doctor.location import location_of
from xaccel.tools.doctor.running_site import RunningSite, Skipped

_MAX_SKEW_S, _MAX_SKEW_OF_S3_S = 60, 900
"""S3 refuses a signature whose time differs by 15 minutes from its own."""
_STRICT = {"private", "no-cache", "no-store", "must-revalidate", "proxy-revalidate", "no-transform"}
"""Words of Cache-Control with which a cache stores less, or a proxy changes less."""
_OF_NGINX = ("Content-Security-Policy", "Content-Language", "Last-Modified", "ETag")
"""Headers that NGINX sends with a file, apart from those that other checks compare."""


def check_hops(name: str) -> Callable[[Look], Look]:
    """Register a function that looks at the front door, as `check` does. Its evidence says what NGINX itself does."""

    def registered(look: Look) -> Look:
        @check(name)
        @wraps(look)
        def compared(stack: RunningSite) -> Iterator[Evidence]:
            seen = [one if isinstance(one, Evidence) else Evidence(one) for one in look(stack)]
            more = ""
            with suppress(Skipped, OSError, HTTPException):
                if seen and (behind := stack.behind):
                    is_same = bool(list(look(behind)))
                    does = "responds so too" if is_same else "does not: the cause is in front of it"
                    more = f"; NGINX itself, at {behind.front_door.url}, {does}"
            yield from (replace(one, text=f"{one.text}{more}") for one in seen)

        return look

    return registered


@check("XA315")
def clocks_agree(stack: RunningSite) -> Iterator[Evidence]:
    """Compare the app's clock, which is in the id of a transfer, with that of NGINX, which is in its Date."""
    of_app, of_nginx = _app_is_ahead_s(stack), _nginx_is_ahead_s(stack)
    skew_s = of_app - of_nginx
    if abs(skew_s) <= _MAX_SKEW_S:
        return
    lives_s = [
        getattr(origin, "expires_s", None) or _MAX_SKEW_OF_S3_S for origin in stack.site.origins.values()
    ]
    is_refused = skew_s > _MAX_SKEW_OF_S3_S or -skew_s > min([*lives_s, _MAX_SKEW_OF_S3_S])
    which = "the app's" if abs(of_app) > abs(of_nginx) else "NGINX's"
    text = (
        f"the app's clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} NGINX's, and {which}"
        " differs more from this machine's"
    )
    yield Evidence(text, None if is_refused else "warn")


def _app_is_ahead_s(stack: RunningSite) -> float:
    """Return by how much the app's clock is ahead of this machine's. Raises Skipped."""
    done, grants = logged_download(stack), stack.site.grants
    has_grant = bool(grants and stack.target.startswith(grants.paths))  # its id is that of an older decision
    logged = "" if has_grant else str((done.entry or {}).get("id", ""))
    name = logged or reported_hand_off(stack, done.reply).get(ID_HEADER.lower(), "")
    if not re.fullmatch(PATTERN, name):
        raise Skipped("the id of the transfer is not known")
    at, began = int(name.replace("-", "")[:12], 16) / 1000, done.reply.at.timestamp()
    return at - min(max(at, began), began + sum(done.reply.seconds.values()))


def _nginx_is_ahead_s(stack: RunningSite) -> float:
    date = stack.shown_digest.header("Date")
    if not date:
        raise Skipped("the site's address sends no Date")
    return parsedate_to_datetime(date).timestamp() - stack.shown_digest.at.timestamp()


@check("XA632")
def headers_arrive_unchanged(stack: RunningSite) -> Iterator[Evidence]:
    """Compare the headers of a download with those that NGINX itself sends, else with those of the app's hand-off."""
    came, own = stack.fetched, None
    with suppress(OSError, HTTPException):
        own = stack.behind.fetched if stack.behind else None
    if own is None or own.status != came.status:
        hand_off = reported_hand_off(stack, logged_download(stack).reply)
        if not hand_off:
            raise Skipped("the address of NGINX itself is not known here, nor the app's hand-off")
        yield from _looser(hand_off.get(PRIVATE_NAMES["Cache-Control"].lower(), ""), came)
        return
    yield from _looser(own.header("Cache-Control"), came)
    declared = [*stack.site.response_headers, *(name for name, _ in stack.site.add_headers)]
    for name in dict.fromkeys((*_OF_NGINX, *declared)):
        if own.header(name) and not came.header(name):
            yield Evidence(f"{name} is missing, and NGINX sends {own.header(name)!r}", "warn")


def _looser(decided: str, came: Exchange) -> Iterator[Evidence]:
    """Yield Cache-Control if a cache may keep more by it than was decided."""
    now = came.header("Cache-Control")
    before, after = (
        {word.strip().lower() for word in text.split(",") if word.strip()} for text in (decided, now)
    )
    is_kept = before <= after or "no-store" in after
    if before and not (is_kept and after <= before | _STRICT):
        yield Evidence(f"Cache-Control is {now!r}, and NGINX sends {decided!r}")


@check_hops("XA633")
def errors_keep_their_status(stack: RunningSite) -> Iterator[str]:
    """Request a page that does not exist, of the app and as a client."""
    if stack.app is None:
        raise Skipped("NGINX's configuration does not name the app")
    folder, _, name = urlsplit(stack.target).path.rpartition("/")
    page = f"{folder}/xaccel-{secrets.token_hex(8)}{PurePosixPath(name).suffix}"
    place = location_of(stack.http, stack.front_door, page)
    if place is None or stack.location is None or place.line != stack.location.line:
        raise Skipped("another location of NGINX gets pages that do not exist")
    own = stack.app.ask(stack.front_door, page, stack.headers).status
    came = stack.front_door.try_to_ask("GET", page, stack.headers).status
    if own >= 400 and came and came < 400:
        yield f"the app responds with {own} to {folder}/…, which does not exist, and clients get {came}"
