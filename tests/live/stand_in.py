"""An archive with exactly the bytes of one object: the tables of downloads then hold for archives too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.servers.origin import Answer, Request
from xaccel import ObjectRef
from xaccel.features.archives.ticket import Ticket
from xaccel.site import Site
from xaccel.site.keys import seal
from xaccel.site.origins import HTTPOrigin
from xaccel_testing import free_port

ARCHIVES = "archives"
SizeOf = Callable[[str], int | None]
"""From the key of an object of `partner` to its size; None without such an object."""


def settings() -> dict[str, Any]:
    """settings.XACCEL["ARCHIVES"] of a site with the HTTP origin `partner`, before its app has an address."""
    return {"app": "127.0.0.1:1", "listen": f"127.0.0.1:{free_port()}", "proven": ["partner"]}


def with_app(site: Site, address: str) -> Site:
    archives = replace(site.archives, app=address) if site.archives else None
    grants = replace(site.grants, app=address) if site.grants else None
    uploads = replace(site.uploads, app=address) if site.uploads else None
    return replace(site, archives=archives, grants=grants, uploads=uploads)


def ticket(site: Site, key: str) -> str:
    return seal(site, Ticket(key, "", "", 2**40))


def archive(site: Site, key: str) -> ObjectRef:
    """The archive that stands in for an object of `partner`."""
    return ObjectRef(ARCHIVES, url=f"{site.archive_host}/archive/{key}?token={ticket(site, key)}")


def template(site: Site, request: Request, size_of: SizeOf) -> Answer | None:
    """What the app sends NGINX to assemble such an archive; None for another request."""
    path, origin = f"{site.internal_prefix}{ARCHIVES}/", site.origins.get("partner")
    if not request.target.startswith(path) or not isinstance(origin, HTTPOrigin):
        return None
    key = request.target.removeprefix(path)
    size = size_of(key)
    if size is None:
        return Answer(status=404)
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.header("Range") or "")
    first, last = map(int, asked.groups()) if asked else (0, size - 1)
    member = f"0:{first}-{last}/{size}:{last - first + 1}:{'p' if asked else 'w'}:{origin.base_url}{key}#"
    body = (
        f'<!--#include virtual="/member/partner?{member}" wait="yes" --><!--#if expr="$xaccel_came != 0" -->'
        '<!--#include virtual="/cut" wait="yes" --><!--#endif --><!--#config timefmt="x" -->'
    )
    headers = [("Content-Type", "application/x-xaccel-template"), ("Archive-Length", str(last - first + 1))]
    part = [("Content-Range", f"bytes {first}-{last}/{size}")] if asked else []
    return Answer(status=206 if asked else 200, headers=[*headers, *part], body=body.encode())
