"""XA6xx: one download through the front door, as a client with the given headers gets it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from xaccel.errors import XaccelError
from xaccel.handoff.headers import public_name
from xaccel.handoff.trace_key import make_key, report_of
from xaccel.site.origins import LocalOrigin, S3Origin
from xaccel.site.protocol import ARCHIVES, AUTH_HEADER, REDIRECT_HEADER
from xaccel.tools.doctor.ask_origins import remotes
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.first_download import LoggedDownload, logged_download, object_of, request_download
from xaccel.tools.doctor.front import check_hops
from xaccel.tools.doctor.location import MOST_BYTES, App
from xaccel.tools.doctor.named_object import ask_for_object
from xaccel.tools.doctor.no_transfer import no_transfer
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.explain.why import entries_of, why_of, why_of_member

_PRIVATE = re.compile(r"xaccel-|x-accel-", re.IGNORECASE)
_STORAGES = re.compile(r"(?:x-amz-|x-goog-|x-ms-|x-minio|x-seaweed|x-ceph|x-rgw)", re.IGNORECASE)
_SHARED_CACHE = ("Age", "X-Cache", "Cache-Status", "Via")
_OF_THE_APP = ("Content-Disposition", "Content-Type")
_OF_MIDDLEWARE = (
    *(f"Access-Control-{each}" for each in ("Allow-Origin", "Allow-Credentials", "Expose-Headers")),
    *("Strict-Transport-Security", "X-Frame-Options", "Referrer-Policy", "Permissions-Policy"),
    *("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"),
)
_SECRET = ("XA603", "the secret of these settings")
_REFUSED = {"forged": _SECRET, "no_id": _SECRET, "url_refused": ("XA604", "these settings")}
"""By `why`: the check, and what would be the same."""
_EACH_SERVER, _MOST_ASKED = 4, 16
"""Requests through NGINX, to see whether servers of the app differ."""
_MORE_NGINX = 3
"""Requests after one without a log entry: a balancer leads to several NGINX by turns, and one of them logs here."""
_MAX_MEMBERS_SHOWN = 3
_COMPARED = "content-type content-length etag last-modified content-disposition cache-control".split()


@check("XA601")
def nginx_is_in_front(stack: RunningSite) -> Iterator[str]:
    names = [name for name, _ in logged_download(stack).reply.came if _PRIVATE.match(name)]
    if names:
        yield f"the response has the header {names[0]}"


@check(
    *("XA602", "XA603", "XA604", "XA605", "XA606", "XA617", "XA618", "XA619", "XA620", "XA621", "XA623"),
)
def download_arrives(stack: RunningSite) -> Iterator[Evidence]:
    done = logged_download(stack)
    for seen in _faults(done.asked, done):
        text, remedy = seen.text, seen.remedy
        if done.note and seen.status != "skipped":
            text, remedy = f"{text}; {done.note}", REMEDIES["other_nginx"]
        yield replace(seen, text=text, remedy=remedy)


def _faults(stack: RunningSite, done: LoggedDownload) -> Iterator[Evidence]:
    if not done.entry:
        seen = no_transfer(stack, done.reply, done.said, is_logged=done.entry is not None)
        if seen:
            yield seen
            return
    if done.why in _REFUSED:
        name, same = _REFUSED[done.why]
        yield Evidence(f"`why` is {done.why}, and the running NGINX has {same}", check=name)
    try:
        yield from (replace(one, check="XA606") for one in _undelivered(stack, done))
    except Skipped as reason:
        yield Evidence(str(reason), "skipped", check="XA606")


def _undelivered(stack: RunningSite, done: LoggedDownload) -> Iterator[Evidence]:
    status, meaning = done.reply.status, why_of(done.entry) if done.entry else None
    if status in (200, 206) and not done.why:
        try:
            length, came = stack.fetched.header("Content-Length"), len(stack.fetched.body)
            if length.isdigit() and came < min(int(length), MOST_BYTES):
                yield Evidence(f"{came} of {length} bytes came")
        except (OSError, HTTPException) as error:
            yield Evidence(f"the response ends early: {error or type(error).__name__}")
        return
    text = f"status {status}, `why` is {done.why or '(not known)'}" if status else done.reply.problem
    cause, remedy = (f" {meaning.cause}", meaning.remedy) if meaning else ("", "")
    if done.why == "origin_403":
        remedy = REMEDIES["other_keys"]
    members = list(_failed_members(stack, done))
    yield from members  # the cause: the archive breaks because of them
    yield Evidence(f"{text}.{cause}", remedy=members[0].remedy if members else remedy)


def _failed_members(stack: RunningSite, done: LoggedDownload) -> Iterator[Evidence]:
    """Yield the members and parts of an archive that failed."""
    if not done.entry or done.entry.get("origin") != ARCHIVES:
        return
    with suppress(Skipped, OSError):
        failed, _ = entries_of(str(done.entry.get("id"))[:23], stack.logs[-1])
        for entry in failed[:_MAX_MEMBERS_SHOWN]:
            what = _named_member(stack, done.entry, entry) if entry.get("origin") else "a part"
            reason = entry.get("why") or f"status {entry.get('origin_status')}"
            yield Evidence(f"{what}, bytes {entry.get('range')}: {reason}", remedy=why_of_member(entry))


def _named_member(stack: RunningSite, archive: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Return the number of a member, with the key of its object if the audit trail has it."""
    number = str(entry.get("member"))
    recorded = stack.find_object(str(archive.get("id")), int(number)) if number.isdecimal() else None
    name = f", {recorded[1]}," if recorded else ""
    return f"member {number}{name} of origin {entry['origin']}"


@check("XA624")
def servers_of_the_app_respond_alike(stack: RunningSite) -> Iterator[str]:
    """Ask each server of the app, but only if responses through NGINX differ: the app records what it hands off."""
    app = stack.app
    if app is None:
        raise Skipped("NGINX's configuration does not name the app")
    if len(app.servers) < 2:
        return
    asked = {**stack.headers, "Range": "bytes=0-0"}
    times = min(_EACH_SERVER * len(app.servers), _MOST_ASKED)
    if len({stack.front_door.try_to_ask("GET", stack.target, asked).status for _ in range(times)}) < 2:
        return
    said = {one: _hand_off_of(stack, replace(app, servers=(one,))) for one in app.servers}
    for (host, port), text in said.items():
        if text and "" in said.values():
            yield f"{host}:{port} {text}, and other servers hand the download off"


def _hand_off_of(stack: RunningSite, app: App) -> str:
    """Return the fault in the response of one server of the app; empty: it is a hand-off of the site."""
    reply = app.ask(stack.front_door, stack.target, stack.headers)
    if not reply.header(REDIRECT_HEADER):
        return f"responds with {reply.status}" if reply.status else f"does not respond ({reply.problem})"
    return "" if reply.header(AUTH_HEADER) in stack.site.secrets else "has another secret"


@check_hops("XA607")
def ranges_are_answered(stack: RunningSite) -> Iterator[str]:
    whole = stack.fetched
    if len(whole.body) < 2:
        raise Skipped("the file has fewer than two bytes")
    part = stack.fetch(Range="bytes=1-1")
    if part.status != 206 or part.body != whole.body[1:2]:
        yield f"status {part.status} and {len(part.body)} bytes instead of 206 and one byte"


@check_hops("XA608")
def head_has_the_headers_of_get(stack: RunningSite) -> Iterator[str]:
    head, whole = stack.fetch("HEAD"), stack.fetched
    if head.status != whole.status:
        yield f"HEAD has status {head.status}, GET {whole.status}"
        return
    for name in _COMPARED:
        if head.header(name) != whole.header(name):
            yield f"{name} is {head.header(name)!r} for HEAD and {whole.header(name)!r} for GET"


@check_hops("XA609")
def conditions_are_answered(stack: RunningSite) -> Iterator[Evidence]:
    etag = stack.fetched.header("ETag")
    if not etag:
        raise Skipped("the download has no ETag")
    status = stack.fetch(If_None_Match=etag).status
    if status != 304:
        text, remedy = f"status {status} for If-None-Match with the ETag of the download", ""
        with suppress(Skipped, OSError, HTTPException):
            if ask_for_object(stack, {"If-None-Match": etag}).status == 200:
                text, remedy = f"{text}: the storage itself responds with 200", REMEDIES["no_conditions"]
        yield Evidence(text, remedy=remedy)


@check("XA610")
def bytes_are_those_of_the_object(stack: RunningSite) -> Iterator[str]:
    if stack.named is None:
        raise Skipped("no object is named; --object ORIGIN/KEY names the one that the download must send")
    ref = object_of(stack)
    origin = stack.site.origin(ref.origin)
    if isinstance(origin, LocalOrigin):
        stored = (Path(origin.root) / ref.key).read_bytes()
    else:
        stored = ask_for_object(stack, most_bytes=MOST_BYTES).body
    came = stack.fetched.body
    there, here = (hashlib.sha256(body).hexdigest()[:16] for body in (stored[: len(came)], came))
    if there != here:
        yield f"SHA-256 begins with {there} in the storage and with {here} from NGINX"


@check_hops("XA611")
def storage_is_hidden(stack: RunningSite) -> Iterator[str]:
    words = {remote.servers[0][0] for remote in remotes(stack.site.origins)}
    words |= {origin.bucket for origin in stack.site.origins.values() if isinstance(origin, S3Origin)}
    own = {stack.front_door.address[0], "127.0.0.1", "localhost"}
    for name, value in stack.fetched.came:
        if _STORAGES.match(name) or any(word in value for word in words - own):
            yield f"the header {name}"


@check_hops("XA630")
def headers_of_middleware_are_not_lost(stack: RunningSite) -> Iterator[str]:
    """Compare with the app's 404 for an unknown page: middleware sets its headers there too."""
    asked = {"Origin": stack.front_door.url, **stack.headers}
    folder = urlsplit(stack.target).path.rpartition("/")[0]
    page = stack.front_door.try_to_ask("GET", f"{folder}/xaccel-{secrets.token_hex(8)}", asked)
    reply = stack.front_door.try_to_ask("GET", stack.target, asked)
    if reply.status != 200:
        raise Skipped(f"the same request again got status {reply.status}")
    lost = [name for name in _OF_MIDDLEWARE if page.header(name) and not reply.header(name)]
    if lost:
        yield f"another page (status {page.status}) has {', '.join(lost)}"


@check_hops("XA612")
def name_and_type_are_those_of_the_app(stack: RunningSite) -> Iterator[str]:
    for name in (*_OF_THE_APP, "X-Content-Type-Options"):
        if not stack.fetched.header(name):
            yield f"there is no {name}"
    traced = stack.fetch(Xaccel_Trace=make_key(stack.site.secrets[0], "GET", stack.target))
    with suppress(XaccelError):  # cryptography, which only `xaccel trace` needs, is not installed
        report = report_of(stack.site, [value for name, value in traced.came if name.lower() == "set-cookie"])
        for private, value in report["headers"] if report else ():
            public = public_name(private) or ""
            if public in _OF_THE_APP and traced.header(public) != value:
                yield f"{public} is {traced.header(public)!r}, and the app sent {value!r}"


@check_hops("XA613")
def nothing_compresses(stack: RunningSite) -> Iterator[Evidence]:
    reply = stack.fetch(Accept_Encoding="gzip, br, zstd")
    by = f"(Via or Server: {reply.header('Via') or reply.header('Server') or 'nothing'})"
    if encoding := reply.header("Content-Encoding"):
        remedy = ""
        with suppress(Skipped, OSError, HTTPException):
            if ask_for_object(stack).header("Content-Encoding") == encoding:
                remedy = REMEDIES["stored_encoding"]
        yield Evidence(f"Content-Encoding is {encoding} {by}", remedy=remedy)
    elif not reply.header("Content-Length"):
        yield Evidence(f"there is no Content-Length {by}")


@check("XA614")
def nginx_caches(stack: RunningSite) -> Iterator[str | Evidence]:
    first = logged_download(stack).entry
    if not first or not first.get("cache"):
        raise Skipped("the download is not one that NGINX caches")
    again = request_download(stack).entry
    if again and again.get("cache") == "MISS" and first.get("cache") == "MISS":
        yield "`cache` is MISS for two requests, one after the other"


@check("XA615")
def transfer_is_logged(stack: RunningSite) -> Iterator[Evidence]:
    done = logged_download(stack)
    if done.entry is None and not done.note:
        raise Skipped("this process does not read NGINX's log")
    if done.entry or done.note:
        return
    if stack.nginx:
        yield Evidence(f"none in {stack.log}")
    elif not any(request_download(stack).entry for _ in range(_MORE_NGINX)):
        yield Evidence(f"none in {stack.log}", "warn", REMEDIES["log_elsewhere"])


@check_hops("XA616")
def credentials_are_required(stack: RunningSite) -> Iterator[str]:
    if not stack.headers:
        raise Skipped("the download needs no --header, so that every client may have it")
    reply = stack.front_door.ask("GET", stack.target)
    if reply.status == 200 and reply.body == stack.fetched.body:
        signs = [f"{name} is {reply.header(name)}" for name in _SHARED_CACHE if reply.header(name)]
        yield f"a client without --header gets the file ({', '.join(signs) or 'no header names a cache'})"


@check("XA622")
def nothing_limits_the_next_requests(stack: RunningSite) -> Iterator[Evidence]:
    for reply in stack.refused:
        place = stack.location
        rules = [name for name in ("limit_req", "limit_conn") if place and place.value(name)]
        where = f" ({place.shown} has {' and '.join(rules)})" if place and rules else ""
        yield Evidence(f"a request of the doctor has status {reply.status}{where}")
