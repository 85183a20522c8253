"""Make hand-offs of the app's redirects to its storage, as NGINX does for REDIRECTS with `paths`.

engine/redirects/ does the same for an app without xaccel; tests/maps/test_redirects.py compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from xaccel import urls
from xaccel.adapters.base import ClientRequest, answer_of
from xaccel.decisions import authorized, log_event
from xaccel.errors import OriginNotAllowed
from xaccel.handoff.builder import HandOff, Signing, make_handoff
from xaccel.handoff.headers import LONGEST_KEY, Answer, decision_note
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.handoff.places import base_url, root_of
from xaccel.options import Options
from xaccel.sender import Sender
from xaccel.site.keys import is_from_nginx
from xaccel.site.protocol import (
    DECLARED_START,
    NOTE_HEADER,
    OF_THE_ORIGIN,
    PRIVATE_NAMES,
    PRIVATE_START,
    REDIRECT_HEADER,
)
from xaccel.site.rules import header_value_ok
from xaccel.site.setting import problem

_SIGNATURE = r"X-Amz-Signature=[0-9a-f]{64}|Signature=[A-Za-z0-9%]{27,90}"
_is_signed = re.compile(rf"(?:\A|&)(?:{_SIGNATURE})(?:&|\Z)").search
_OF_THE_REDIRECT = {
    *("location", "content-type", "content-length", "content-encoding", "transfer-encoding"),
    *("content-disposition", "cache-control", "expires"),
}
"""Headers of the redirect that the download has not, or as private headers alone."""
Headers = Iterable[tuple[str, str]]


class Follower:
    """Follows the redirects of one app. Thread-safe; make one per process.

    Raises ConfigError unless the site has REDIRECTS without `paths`: below these NGINX follows already.

    subject: the header that names the user, in lower case; "" for none.
    """

    def __init__(self, sender: Sender) -> None:
        settings = sender.site.redirects
        if settings is None or settings.paths:
            raise problem('XACCEL["REDIRECTS"]', "no_redirects" if settings is None else "followed_twice")
        self._sender = sender
        self._settings = settings
        self.subject = settings.subject.lower()
        origins = sender.site.origins
        self._roots = [(name, root_of(origins[name], base_url(origins[name]))) for name in settings.origins]

    def origin_of(self, location: str) -> str:
        """Return the origin that a Location leads to; "" for all others, which pass as they are.

        It begins with the URL of the origin, as xaccel spells it, and the key of an object follows. It has a signature
        of S3, of version 4 or 2, unless the origin is in `allow_unsigned`. A path with "." or ".." is refused, however
        often it is encoded: a storage could find another bucket.
        """
        try:
            urls.require_absolute(location)
        except OriginNotAllowed:
            return ""
        place, _, query = location.partition("?")
        for name, root in self._roots:
            is_allowed = name in self._settings.allow_unsigned or _is_signed(query)
            if place.startswith(root) and place != root and is_allowed:
                return name
        return ""

    def answer(
        self, request: ClientRequest, status: int, headers: Headers, *, debug: bool = False
    ) -> Answer | None:
        """Return the response to NGINX that replaces a response of the app, as `follow` decides it, and record it.

        debug: without NGINX, a redirect passes as it is.
        """
        hand_off = self.follow(request.method, status, headers)
        if hand_off is None or (debug and not is_from_nginx(self._sender.site, request.token)):
            return None
        answer = answer_of(self._sender.site, hand_off, request, debug=False)
        log_event(authorized(hand_off, answer.status))
        return answer

    def passed(self, headers: Headers) -> list[tuple[str, str]]:
        """Return the headers of a response that passes: no user sees the one that names the subject."""
        return [(name, value) for name, value in headers if name.lower() != self.subject]

    def follow(self, method: str, status: int, headers: Headers, *, subject: str = "") -> HandOff | None:
        """Return the hand-off that replaces a response of the app; None if the response passes as it is.

        Its headers include those of the response that stay, such as Set-Cookie. subject: if the response does not
        name the user in the header that the settings name.
        """
        if status not in urls.REDIRECTS or method not in ("GET", "HEAD"):
            return None
        headers, said = [*headers], dict[str, str]()
        for name, value in headers:
            lower = name.lower()
            said[lower] = f"{said[lower]}, {value}" if lower in said else value
        location = said.get("location", "")
        origin = "" if REDIRECT_HEADER.lower() in said else self.origin_of(location)
        if not origin:
            return None
        hand_off = self._hand_off(origin, location, method, said.get(self.subject, "") or subject)
        dropped = {self.subject, *_OF_THE_REDIRECT, *map(str.lower, self._sender.site.response_headers)}
        kept = [
            (name, value)
            for name, value in headers
            if name.lower() not in dropped and not name.lower().startswith(PRIVATE_START.lower())
        ]
        return replace(hand_off, headers=(*hand_off.headers, *self._of_the_file(location, said), *kept))

    def _hand_off(self, origin: str, location: str, method: str, subject: str) -> HandOff:
        site, now = self._sender.site, datetime.now(UTC)
        if len(subject) > LONGEST_KEY or not header_value_ok(subject):
            subject = ""
        reason = "redirect" if subject else "redirect of an unnamed user"
        is_head = method == self._settings.head_signed_for == "HEAD"
        located = self._sender.places.locate_signed(origin, location, method, "HEAD" if is_head else "GET")
        signing = Signing(now=now, transfer_id=new_transfer_id(now))
        made = make_handoff(site, located, Options(subject=subject, reason=reason), signing)
        # the app or the storage says the name, and no option did
        event = replace(made.event, filename="")
        named = {NOTE_HEADER, *PRIVATE_NAMES.values()}
        private = [(name, value) for name, value in made.headers if name not in named]
        if site.log_decisions:
            note = decision_note(key=event.key, query=event.query, reason=reason)
            private.append((NOTE_HEADER, note))
        return replace(made, headers=tuple(private), visible_headers=(), event=event)

    def _of_the_file(self, location: str, said: dict[str, str]) -> Headers:
        """Yield what the redirect says about the file. A name that it does not say, the storage says."""
        disposition = said.get("content-disposition", OF_THE_ORIGIN)
        yield PRIVATE_NAMES["Content-Disposition"], disposition
        is_in_url = re.search("[?&]response-cache-control=.", location)
        if control := OF_THE_ORIGIN if is_in_url else said.get("cache-control"):
            yield PRIVATE_NAMES["Cache-Control"], control
        for name in self._sender.site.response_headers:
            if value := said.get(name.lower()):
                yield f"{DECLARED_START}{name}", value
