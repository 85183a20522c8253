"""A site with grants and uploads, whose tables of downloads then hold for downloads that NGINX remembers too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.servers.origin import Answer, Request
from xaccel import Sender
from xaccel.features.grants.folder import sign
from xaccel.features.grants.grant import Grant, grant_headers
from xaccel.handoff.builder import HandOff
from xaccel.site import Site
from xaccel.site.protocol import SCOPE_HEADER, TOKEN_HEADER

GRANTED = "granted"
"""An origin behind the location of GRANTS: NGINX remembers its hand-offs for a session."""


def settings(folder: Path, listen: str, *, below: str = "/", include: str = "") -> dict[str, Any]:
    """GRANTS and UPLOADS of a site with an S3 origin `bucket`, before its app has an address. below: their paths."""
    loopback, path = {"app": "127.0.0.1:1", "listen": listen}, f"{below}granted/"
    grants = {"paths": [path], "folders": [f"{path}*/"], "cookie": "sid", "folder": f"{folder}/grants"}
    return {
        "GRANTS": {**loopback, **grants, "include": include},
        "UPLOADS": {**loopback, "paths": [f"{below}upload/"], "origins": ["bucket"]},
    }


def grant(site: Site, request: Request, hand_off: HandOff, folder: str = "") -> dict[str, str]:
    """The headers by which NGINX remembers a hand-off for the session of the request, if it has one."""
    session = re.search(r"\bsid=([a-z0-9-]{16,})", request.header("Cookie") or "")
    if session is None or not hand_off.grant_s:
        return {}
    token, address = request.header(TOKEN_HEADER) or "", request.header(SCOPE_HEADER) or ""
    return dict(grant_headers(site, Grant(session[1], (), folder), hand_off, token=token, address=address))


def signature(sender: Sender, request: Request) -> Answer | None:
    """What the app sends NGINX for an object in a folder; None for another request."""
    if not sender.site.is_for_signatures(request.target):
        return None
    known = {TOKEN_HEADER.lower(): request.header(TOKEN_HEADER) or ""}
    signed = sign(sender, request.target, request.method, known)
    return Answer(status=signed.status, headers=signed.headers)
