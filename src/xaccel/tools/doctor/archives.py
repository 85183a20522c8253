"""XA221, XA309, XA310, XA421, XA625, XA634: what archives need of NGINX, of the app and of the storage."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from xaccel.errors import NginxError
from xaccel.features.archives.ticket import NO_LAYOUT, Ticket
from xaccel.handoff.identifiers import new_transfer_id
from xaccel.http_client.exchange import Exchange, fetch, wait_s
from xaccel.http_client.origin import ask_origin
from xaccel.site.keys import nginx_token, seal
from xaccel.site.protocol import ARCHIVES, TICKET_HEADER, TOKEN_HEADER
from xaccel.site.site import Archives, Site
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.location import remedy_for_unreached
from xaccel.tools.doctor.named_object import ask_for_object
from xaccel.tools.doctor.running_site import OF_NGINX, RunningSite, Skipped
from xaccel.tools.nginx.probe import require_safe_ssi

_REMEDIES = {404: "assembler_unknown", 500: "assembler_fails", 502: "assembler_alone", 504: "assembler_alone"}
"""By the status of the app, or of NGINX without it."""
_NEW, _MOST_BYTES = 410, 4096
"""The status for a mark that was not kept before; bytes of a response that are read."""
_TURNS = 6
"""If `app` of ARCHIVES leads to several servers by turns, some of these requests reach each one."""


def _archives(stack: RunningSite) -> Archives:
    if stack.site.archives is None:
        raise Skipped("the site has no ARCHIVES")
    return stack.site.archives


@check("XA221")
def nginx_assembles_safely(stack: RunningSite) -> Iterator[str]:
    _archives(stack)
    try:
        require_safe_ssi(stack.build)
    except NginxError as error:
        yield str(error)


@check("XA309")
def nginx_has_its_own_address(stack: RunningSite) -> Iterator[str]:
    if not stack.site.loopbacks:
        raise Skipped("NGINX sends no requests to itself")
    for key, loopback in stack.site.loopbacks.items():
        if is_taken(loopback.listen):
            yield f'another program listens on {loopback.listen}, the address of {key}["listen"]'


def is_taken(address: str) -> bool:
    """Tell whether a program other than NGINX listens there."""
    connection = HTTPConnection(address, timeout=wait_s(5))
    try:
        connection.request("GET", "/")
        return not OF_NGINX.match(connection.getresponse().getheader("Server", ""))
    except OSError:
        return False
    except HTTPException:
        return True
    finally:
        connection.close()


@check("XA310", "XA625")
def assembler_and_app_respond(stack: RunningSite) -> Iterator[Evidence]:
    """Request an archive whose layout nobody has: an app that knows NGINX responds with 410."""
    listen, site = _archives(stack).listen, stack.site
    own = _ask(site, "/")
    if own.status != 204:
        text = f"{listen} responds with {own.status}" if own.status else f"{listen}: {own.problem}"
        yield Evidence(text, check="XA310")
        yield Evidence("see XA310", "skipped", check="XA625")
        return
    reply = _ask(site, f"/archive/{NO_LAYOUT}?token={_ticket(site)}")
    if reply.status != 410:
        text = f"status {reply.status or reply.problem} for an archive, by {_archives(stack).app}"
        name = _REMEDIES.get(reply.status, "")
        remedy = REMEDIES.get(name, "")
        if name == "assembler_alone" and (reason := remedy_for_unreached(_archives(stack).app)):
            remedy = REMEDIES[reason] if reason == "moved_app" else f"{remedy} {REMEDIES[reason]}"
        yield Evidence(text, remedy=remedy, check="XA625")


@check("XA634")
def servers_of_the_app_share_layouts(stack: RunningSite) -> Iterator[str]:
    """Let each server of the app keep a mark like a layout, and look for it where NGINX assembles archives."""
    site, app = stack.site, _archives(stack).app
    askers = {f"{host}:{port}" if port else host: (host, port) for host, port in _servers(stack)}
    for name, server in {**askers, app: None}.items():
        ticket = _ticket(site, secrets.token_hex(16))
        kept = _status(stack, ticket, server)
        looked = [_status(stack, ticket) for _ in range(_TURNS)] if kept == _NEW else []
        if _NEW in looked:
            yield f"{app} does not find what the app at {name} keeps"


def _servers(stack: RunningSite) -> Sequence[tuple[str, int]]:
    with suppress(Skipped):
        return stack.app.servers if stack.app else ()
    return ()


def _status(stack: RunningSite, ticket: str, server: tuple[str, int] | None = None) -> int:
    """Request the mark of a ticket, through NGINX or as NGINX of this server of the app."""
    site = stack.site
    if server is None:
        return _ask(site, f"/archive/{NO_LAYOUT}?token={ticket}").status
    url = (
        f"http://{urlsplit(stack.front_door.url).netloc}{site.internal_prefix}{ARCHIVES}/archive/{NO_LAYOUT}"
    )
    sent = ((TOKEN_HEADER, nginx_token(site.secrets[0])), (TICKET_HEADER, ticket))
    return fetch(url, "GET", sent, (server,), most_bytes=_MOST_BYTES).status


def _ticket(site: Site, mark: str = "") -> str:
    return seal(site, Ticket(NO_LAYOUT, mark, "", int(time.time()) + 60))


def _ask(site: Site, path: str) -> Exchange:
    agent = {"User-Agent": f"xaccel t={new_transfer_id(datetime.now(UTC))[:23]}"}
    return ask_origin(site.assembler[ARCHIVES], f"{site.archive_host}{path}", own=agent)[-1]


@check("XA421")
def storage_sends_only_this_version(stack: RunningSite) -> Iterator[str]:
    """Ask for another version, and for a part: NGINX must not get bytes that are not the member's."""
    _archives(stack)
    whole = ask_for_object(stack)
    tag = whole.header("ETag")
    if whole.status != 200:
        raise Skipped(f"the named object has status {whole.status}")
    if not re.fullmatch('"[^"]+"', tag):
        yield f"the ETag is {tag or 'missing'}, and it must be strong"
    if (status := ask_for_object(stack, {"If-Match": '"xaccel-doctor"'}).status) != 412:
        yield f"status {status} for If-Match with the ETag of another version, not 412"
    if (status := ask_for_object(stack, {"If-Match": tag, "Range": "bytes=0-0"}).status) != 206:
        yield f"status {status} for a range, not 206"
