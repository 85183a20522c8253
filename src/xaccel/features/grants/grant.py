"""Let NGINX remember a hand-off: for which session and request, how long, and under which tags."""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

from xaccel.errors import OptionRefused
from xaccel.features.grants.folder import folder_headers, require_for_folder
from xaccel.handoff.builder import HandOff
from xaccel.options import Options
from xaccel.site.keys import is_from_nginx
from xaccel.site.protocol import EXPIRES_HEADER, GRANT_HEADER, GRANT_SESSION_HEADER, SCOPE_HEADER
from xaccel.site.site import Grants, Site

_SESSION = re.compile(r"[A-Za-z0-9_.-]{16,256}")
_ADDRESS = re.compile(r"(/[!-~]{0,1999}(?= ?\Z)|\*/[!-~]{1,1999}/(?= .)) ?([!-~]*)")
"""The address as it came; or that of a folder behind a "*", and what is below it."""
_MOST_TAGS = 2
"""Beside those of the session and the user (engine/grants/maps.conf)."""


class Grant(NamedTuple):
    """The permission to remember a hand-off. session: value of the cookie. tags, folder: of the app."""

    session: str
    tags: tuple[str, ...]
    folder: str


def settings_of(site: Site) -> Grants:
    """Return the settings. Raises OptionRefused for a site without them."""
    if site.grants is None:
        remedy = (
            'Set it to {"app": "<address of the app server>", "paths": ["/files/"]}, and generate the NGINX'
        )
        raise OptionRefused("the site has no GRANTS", where="grant", remedy=f"{remedy} configuration again.")
    return site.grants


def make_grant(site: Site, options: Options) -> Grant | None:
    """Return the grant of a call; None for a user without a session.

    Raises OptionRefused for a site without GRANTS, a number over `max_grant`, an unsuitable session or folder, and many
    tags.
    """
    most_s, seconds, session = settings_of(site).max_grant, options.grant, options.grant_session
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds <= most_s:
        remedy = f"Give a number from 1 to {most_s} (`max_grant` of GRANTS)."
        raise OptionRefused(f"{seconds!r} is not a number of seconds", where="grant", remedy=remedy)
    if session is None:
        remedy = "Pass the value of the cookie of GRANTS with which you found the user, or '' for a user without one."
        raise OptionRefused("the session is not named", where="grant_session", remedy=remedy)
    if session and not (isinstance(session, str) and _SESSION.fullmatch(session)):
        remedy = "Set another cookie, with a random id of 16 to 256 letters, digits, '_', '.' and '-'."
        raise OptionRefused("the session has no such id", where="grant_session", remedy=remedy)
    tags = (options.grant_tags,) if isinstance(options.grant_tags, str) else tuple(options.grant_tags)
    if len(tags) > _MOST_TAGS or not all(isinstance(tag, str) and tag for tag in tags):
        remedy = f"Give at most {_MOST_TAGS} texts."
        raise OptionRefused(f"{tags!r} are not tags of a grant", where="grant_tags", remedy=remedy)
    if options.grant_folder is not None:
        require_for_folder(settings_of(site), options)
    return Grant(session, tags, options.grant_folder or "") if session else None


def grant_headers(
    site: Site, grant: Grant, hand_off: HandOff, *, token: str, address: str
) -> list[tuple[str, str]]:
    """Return the headers by which NGINX remembers `hand_off`; none for a request that NGINX would not remember.

    token, address: of the request, from the server for grants. The address of an object in a folder has a blank behind
    that of the folder. Another address, for example with a query, is remembered alone.

    Raises OptionRefused if the folders of GRANTS and of the call do not fit.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or not is_from_nginx(site, token):
        return []
    scope, below = found.groups()
    named = [
        ("session", grant.session),
        ("user", hand_off.event.subject),
        *(("tag", tag) for tag in grant.tags),
    ]
    tags = [key_of(site, kind, value) for kind, value in named if value]
    return [
        (EXPIRES_HEADER, str(hand_off.grant_s)),
        (GRANT_HEADER, " ".join(tags)),
        (GRANT_SESSION_HEADER, grant.session),
        (SCOPE_HEADER, scope),
        *(folder_headers(site, grant.folder, hand_off, below) if below else []),
    ]


def key_of(site: Site, kind: str, value: str) -> str:
    """Return the key by which NGINX knows a session, user or tag: the name of the file that revokes it.

    It is the same whatever the secret is.
    """
    text = json.dumps(["xaccel grant", site.name, kind, value])
    return hashlib.sha256(text.encode()).hexdigest()
