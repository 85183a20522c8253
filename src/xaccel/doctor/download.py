"""XA6xx: one download through the front door, as a client with the given headers gets it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xaccel.doctor.check import Evidence, Skipped, check
from xaccel.doctor.front_door import MOST_BYTES, Reply
from xaccel.doctor.origin_probe import remotes
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import XaccelError
from xaccel.explain.origin_request import opener
from xaccel.explain.why import why_of
from xaccel.handoff.headers import public_name
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.trace_key import make_key, report_of
from xaccel.sender import Sender
from xaccel.site.origins import LocalOrigin, S3Origin

_ENTRY_S = 1.5
"""How long an entry may take: NGINX writes it when the response has been sent."""
_PRIVATE = re.compile(r"xaccel-|x-accel-", re.IGNORECASE)
_STORES = re.compile(r"(?:x-amz-|x-goog-|x-ms-|x-minio|x-seaweed|x-ceph|x-rgw)", re.IGNORECASE)
_SHARED_CACHE = ("Age", "X-Cache", "Cache-Status", "Via")
_OF_THE_APP = ("Content-Disposition", "Content-Type")
_HINTS = {
    400: ": it may not accept its Host: write `proxy_set_header Host $http_host;` into its location",
    501: ": it is in debug mode, and its location lacks secret-debug.conf",
}
_COMPARED = "content-type content-length etag last-modified content-disposition cache-control".split()


@dataclass(frozen=True, slots=True)
class Trip:
    """A download that the log shows too. entry: its log entry; None where there is none, or the log is not read."""

    reply: Reply
    entry: dict[str, Any] | None
    log_is_read: bool

    @property
    def why(self) -> str:
        """The `why` of the log entry; empty where there is none."""
        return str((self.entry or {}).get("why", ""))


@lru_cache(maxsize=1)
def travel(stack: RunningSite) -> Trip:
    """Request the download once for all checks. A random end of its Range, far behind the file, marks its log entry."""
    mark = f"bytes=0-{10**15 + secrets.randbelow(10**15)}"
    try:
        log = stack.log.open("rb") if stack.log else None
    except OSError:
        log = None
    if log is None:
        return Trip(stack.fetch(Range=mark), None, log_is_read=False)
    with log:
        size, reply, end = log.seek(0, os.SEEK_END), stack.fetch(Range=mark), time.monotonic() + _ENTRY_S
        while True:
            log.seek(size)
            found = [
                line for line in log.read().splitlines() if mark.encode() in line and line.endswith(b"}")
            ]
            if found or time.monotonic() > end:
                return Trip(reply, json.loads(found[0]) if found else None, log_is_read=True)
            time.sleep(0.05)


@check(601)
def through_nginx(stack: RunningSite) -> Iterator[str]:
    names = [name for name, _ in travel(stack).reply.headers if _PRIVATE.match(name)]
    if names:
        yield f"the response has the header {names[0]}"


@check(602)
def app_answers(stack: RunningSite) -> Iterator[str]:
    trip = travel(stack)
    if trip.log_is_read and trip.entry is None and trip.reply.status in (502, 503, 504):
        yield f"status {trip.reply.status} without a log entry of a transfer"


@check(603)
def trusted(stack: RunningSite) -> Iterator[str]:
    if travel(stack).why in ("forged", "no_id"):
        yield f"`why` is {travel(stack).why}, and the running NGINX has the secret of these settings"


@check(604)
def same_place(stack: RunningSite) -> Iterator[str]:
    if travel(stack).why == "url_refused":
        yield "`why` is url_refused, and the running NGINX has these settings"


@check(605)
def allowed(stack: RunningSite) -> Iterator[str]:
    trip = travel(stack)
    if trip.entry is None and trip.reply.status not in (200, 206, 502, 503, 504):
        yield f"the app responds with status {trip.reply.status}{_HINTS.get(trip.reply.status, '')}"


@check(606)
def succeeds(stack: RunningSite) -> Iterator[str]:
    trip = travel(stack)
    if trip.reply.status in (200, 206) and not trip.why:
        length, came = stack.fetched.header("Content-Length"), len(stack.fetched.body)
        if length.isdigit() and came < min(int(length), MOST_BYTES):
            yield f"{came} of {length} bytes came"
        return
    meaning = why_of(trip.entry) if trip.entry else None
    text = f" {meaning.cause} {meaning.remedy}" if meaning else ""
    yield f"status {trip.reply.status}, `why` is {trip.why or '(not known)'}.{text}"


@check(607)
def in_parts(stack: RunningSite) -> Iterator[str]:
    whole = stack.fetched
    if len(whole.body) < 2:
        raise Skipped("the file has fewer than two bytes")
    part = stack.fetch(Range="bytes=1-1")
    if part.status != 206 or part.body != whole.body[1:2]:
        yield f"status {part.status} and {len(part.body)} bytes instead of 206 and one byte"


@check(608)
def heads(stack: RunningSite) -> Iterator[str]:
    head, whole = stack.fetch("HEAD"), stack.fetched
    if head.status != whole.status:
        yield f"HEAD has status {head.status}, GET {whole.status}"
        return
    for name in _COMPARED:
        if head.header(name) != whole.header(name):
            yield f"{name} is {head.header(name)!r} for HEAD and {whole.header(name)!r} for GET"


@check(609)
def conditional(stack: RunningSite) -> Iterator[str]:
    etag = stack.fetched.header("ETag")
    if not etag:
        raise Skipped("the download has no ETag")
    status = stack.fetch(If_None_Match=etag).status
    if status != 304:
        yield f"status {status} for If-None-Match with the ETag of the download"


@check(610)
def same_bytes(stack: RunningSite) -> Iterator[str]:
    if stack.named is None:
        raise Skipped("no object is named; --object ORIGIN/KEY names the one that the download sends")
    name, key = stack.named
    origin = stack.site.origin(name)
    if isinstance(origin, LocalOrigin):
        stored = (Path(origin.root) / key).read_bytes()
    else:
        hand_off = Sender(stack.site).hand_off(ObjectRef(name, key))
        with opener(origin, hand_off.target, {}).open(hand_off.target, timeout=10) as answer:
            stored = answer.read()
    came = stack.fetched.body
    there, here = (hashlib.sha256(body).hexdigest()[:16] for body in (stored[: len(came)], came))
    if there != here:
        yield f"SHA-256 begins with {there} in the storage and with {here} from NGINX"


@check(611)
def hidden(stack: RunningSite) -> Iterator[str]:
    words = {remote.servers[0][0] for remote in remotes(stack.site.origins)}
    words |= {origin.bucket for origin in stack.site.origins.values() if isinstance(origin, S3Origin)}
    own = {stack.door.address[0], "127.0.0.1", "localhost"}
    for name, value in stack.fetched.headers:
        if _STORES.match(name) or any(word in value for word in words - own):
            yield f"the header {name}"


@check(612)
def named(stack: RunningSite) -> Iterator[str]:
    for name in (*_OF_THE_APP, "X-Content-Type-Options"):
        if not stack.fetched.header(name):
            yield f"there is no {name}"
    traced = stack.fetch(Xaccel_Trace=make_key(stack.site.secrets[0], "GET", stack.target))
    with suppress(XaccelError):  # cryptography, which only `xaccel trace` needs, is not installed
        report = report_of(
            stack.site, [value for name, value in traced.headers if name.lower() == "set-cookie"]
        )
        for private, value in report["headers"] if report else ():
            public = public_name(private) or ""
            if public in _OF_THE_APP and traced.header(public) != value:
                yield f"{public} is {traced.header(public)!r}, and the app sent {value!r}"


@check(613)
def as_it_is(stack: RunningSite) -> Iterator[str]:
    reply = stack.fetch(Accept_Encoding="gzip, br, zstd")
    by = f"(Via or Server: {reply.header('Via') or reply.header('Server') or 'nothing'})"
    if encoding := reply.header("Content-Encoding"):
        yield f"Content-Encoding is {encoding} {by}"
    elif not reply.header("Content-Length"):
        yield f"there is no Content-Length {by}"


@check(614)
def cached(stack: RunningSite) -> Iterator[str | Evidence]:
    first = travel(stack).entry
    if first is None or not first.get("cache"):
        raise Skipped("the download is not one that NGINX caches")
    again = travel.__wrapped__(stack).entry
    if again is not None and again.get("cache") == "MISS" and first.get("cache") == "MISS":
        yield "`cache` is MISS for two requests, one after the other"


@check(615)
def logged(stack: RunningSite) -> Iterator[str]:
    trip = travel(stack)
    if not trip.log_is_read:
        raise Skipped("this process does not read NGINX's log")
    if trip.entry is None:
        yield f"none in {stack.log} after {_ENTRY_S:.0f} s"


@check(616)
def not_shared(stack: RunningSite) -> Iterator[str]:
    if not stack.headers:
        raise Skipped("the download needs no --header, so that every client may have it")
    reply = stack.door.ask("GET", stack.target)
    if reply.status == 200 and reply.body == stack.fetched.body:
        signs = [f"{name} is {reply.header(name)}" for name in _SHARED_CACHE if reply.header(name)]
        yield f"a client without --header gets the file ({', '.join(signs) or 'no header names a cache'})"
