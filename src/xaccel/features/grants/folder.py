"""Grants for a folder: what NGINX remembers for all its objects, and the signatures of those in a bucket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from xaccel.errors import InputRefused, OptionRefused
from xaccel.handoff.builder import HandOff
from xaccel.handoff.headers import Answer, plain_response
from xaccel.handoff.objects import ObjectRef
from xaccel.options import DEFAULTS, Options
from xaccel.sender import Sender
from xaccel.site.keys import is_from_nginx, seal, unseal
from xaccel.site.origins import HTTPOrigin, S3Origin
from xaccel.site.protocol import (
    AUTH_HEADER,
    EXPIRES_HEADER,
    GRANT_KEY_HEADER,
    GRANT_PLACE_HEADER,
    GRANT_URL_HEADER,
    REDIRECT_HEADER,
    SIGN,
    TOKEN_HEADER,
    URL_HEADER,
)
from xaccel.site.rules import DEPTH, PLAIN_SEGMENT
from xaccel.site.site import Grants, Site

_OF_ONE_OBJECT = ("filename", "content_type", "etag", "last_modified", "size", "cache_version", "version_id")
_BELOW = re.compile(rf"(?:{PLAIN_SEGMENT}/){{0,{DEPTH}}}{PLAIN_SEGMENT}")


class GrantedFolder(NamedTuple):
    """A folder of a bucket whose objects NGINX may have. key: its beginning of all keys."""

    origin: str
    bucket: str
    key: str


def require_for_folder(grants: Grants, options: Options) -> None:
    """Raise OptionRefused for a folder of a site without folders, and for options of one object beside it."""
    where = "grant_folder"
    if not grants.folders:
        remedy = 'Add "folders": ["/files/*/"] to it, and generate the NGINX configuration again.'
        raise OptionRefused("GRANTS has no folders", where=where, remedy=remedy)
    for name in _OF_ONE_OBJECT:
        if getattr(options, name) != getattr(DEFAULTS, name):
            remedy = f"Leave {name} or grant_folder out."
            raise OptionRefused(f"{name} is of one object, and a folder has many", where=where, remedy=remedy)


def folder_headers(site: Site, folder: str, hand_off: HandOff, below: str) -> list[tuple[str, str]]:
    """Return where the objects of a folder are. below: the address below the folder of GRANTS, which is plain.

    Raises OptionRefused if it is not what is below the folder of the call.
    """
    event, origin = hand_off.event, site.origins[hand_off.event.origin]
    if not folder.endswith("/") or event.key != folder + below:
        what = f"the key {event.key!r} is not {folder!r} and {below!r}, which is below a folder of GRANTS"
        remedy = 'Pass the beginning of the key with its "/", and let such addresses end like the keys.'
        raise OptionRefused(what, where="grant_folder", remedy=remedy)
    entry = dict(hand_off.headers)[REDIRECT_HEADER]
    place, url = entry.removesuffix(below), ""
    if isinstance(origin, S3Origin):
        place = f"{entry}/sign"
        url = f"/{seal(site, GrantedFolder(event.origin, event.bucket, folder))}/"
    elif isinstance(origin, HTTPOrigin):
        place, url = entry, hand_off.target.removesuffix(below)
        if not hand_off.target.endswith(f"/{below}"):
            what = "the URL does not end like the address, so NGINX cannot make those of other objects"
            remedy = "Let NGINX remember each object alone: leave grant_folder out."
            raise OptionRefused(what, where="grant_folder", remedy=remedy)
    key = quote(event.object_name.removesuffix(below), safe="/")
    headers = [(GRANT_KEY_HEADER, key), (GRANT_PLACE_HEADER, place), (GRANT_URL_HEADER, url)]
    return [header for header in headers if header[1]]


def sign(sender: Sender, path: str, method: str, headers: Mapping[str, str]) -> Answer:
    """Return the signed URL of an object in a folder, to NGINX, which keeps it for all users with a grant.

    headers: of NGINX's request, by names in lower case.

    No user is asked for: NGINX has a permission for the folder, which the path has sealed. Raises
    CredentialsUnavailable.
    """
    site = sender.site
    ticket, _, below = path.removeprefix(f"{site.internal_prefix}{SIGN}/").partition("/")
    found = unseal(site, GrantedFolder, ticket)
    token = headers.get(TOKEN_HEADER.lower(), "")
    if site.grants is None or not found or not is_from_nginx(site, token) or not _BELOW.fullmatch(below):
        return plain_response(404, method)
    ref = ObjectRef(found.origin, found.key + below, bucket=found.bucket or None)
    try:
        hand_off = sender.hand_off(ref, method=method, options=Options(grant=site.grants.max_grant))
    except InputRefused:  # the site has changed since the permission
        return plain_response(404, method)
    kept = (EXPIRES_HEADER, str(hand_off.grant_s))
    sent = (("Content-Length", "0"), (AUTH_HEADER, site.secrets[0]), (URL_HEADER, hand_off.target), kept)
    return Answer(200, sent)
