"""XA4xx: each origin, from this machine, with the addresses and the TLS options that NGINX uses."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

from xaccel.doctor.check import Evidence, Skipped, check
from xaccel.doctor.origin_probe import (
    Remote,
    ask,
    asks_for_certificate,
    ends_in_days,
    remotes,
    shake_hands,
    verify_code,
)
from xaccel.doctor.running_site import RunningSite
from xaccel.explain.ask_store import StoreFinding, ask_store, bucket_region
from xaccel.handoff.objects import ObjectRef
from xaccel.sender import Sender
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin

_DATES, _NAME = (9, 10), (62, 63, 64)
_SOON_DAYS = 14
_SKEW_S, _MOST_SKEW_S = 60, 900
_NO_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}


def _each(stack: RunningSite, look: Callable[[Remote], Iterator[str | Evidence]]) -> Iterator[str | Evidence]:
    found = list(remotes(stack.site.origins))
    if not found:
        raise Skipped("the site has no origin on the network")
    for remote in found:
        yield from look(remote)


def _secure(
    stack: RunningSite, look: Callable[[Remote], Iterator[str | Evidence]]
) -> Iterator[str | Evidence]:
    if not any(remote.is_secure for remote in remotes(stack.site.origins)):
        raise Skipped("no origin speaks TLS")
    yield from _each(stack, lambda remote: look(remote) if remote.is_secure else iter(()))


@check(401)
def resolved(stack: RunningSite) -> Iterator[str | Evidence]:
    def look(remote: Remote) -> Iterator[str]:
        for host, port in remote.servers:
            try:
                socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as error:
                yield f"{remote}: {host}: {error.strerror or error}"

    yield from _each(stack, look)


@check(402)
def connected(stack: RunningSite) -> Iterator[str | Evidence]:
    def look(remote: Remote) -> Iterator[str]:
        for host, port in remote.servers:
            try:
                socket.create_connection((host, port), timeout=5).close()
            except OSError as error:
                yield f"{remote}: {host}:{port}: {error.strerror or error}"

    yield from _each(stack, look)


def _refused(stack: RunningSite, is_mine: Callable[[int], bool]) -> Iterator[str | Evidence]:
    def look(remote: Remote) -> Iterator[str]:
        try:
            shake_hands(remote)
        except ssl.SSLCertVerificationError as error:
            if is_mine(verify_code(error)):
                yield f"{remote}: {getattr(error, 'verify_message', '') or error.args[-1]}"
        except OSError:
            return

    yield from _secure(stack, look)


@check(403)
def trusted(stack: RunningSite) -> Iterator[str | Evidence]:
    yield from _refused(stack, lambda code: code not in _DATES + _NAME)


@check(404)
def dated(stack: RunningSite) -> Iterator[str | Evidence]:
    yield from _refused(stack, _DATES.__contains__)

    def look(remote: Remote) -> Iterator[Evidence]:
        try:
            days = ends_in_days(shake_hands(remote))
        except OSError:
            return
        if days is not None and days < _SOON_DAYS:
            yield Evidence(f"{remote}: its certificate ends in {days:.0f} days", "warn")

    yield from _secure(stack, look)


@check(405)
def named(stack: RunningSite) -> Iterator[str | Evidence]:
    yield from _refused(stack, _NAME.__contains__)


@check(406)
def speaks(stack: RunningSite) -> Iterator[str | Evidence]:
    yield from _spoken(stack, for_certificate=False)


@check(407)
def known(stack: RunningSite) -> Iterator[str | Evidence]:
    yield from _spoken(stack, for_certificate=True)


def _spoken(stack: RunningSite, *, for_certificate: bool) -> Iterator[str | Evidence]:
    def look(remote: Remote) -> Iterator[str]:
        try:
            ask(remote, remote.url, {}, "HEAD")
        except (OSError, HTTPException) as error:
            if asks_for_certificate(remote) == for_certificate:
                yield f"{remote}: {error or type(error).__name__}"

    yield from _each(stack, look)


@check(408)
def in_time(stack: RunningSite) -> Iterator[str | Evidence]:
    def look(remote: Remote) -> Iterator[Evidence]:
        behind = ask(remote, remote.url, {}, "HEAD").behind_s
        if isinstance(remote.origin, S3Origin) and behind is not None and abs(behind) > _SKEW_S:
            bad = abs(behind) > _MOST_SKEW_S or behind > remote.origin.expires_s
            text = f"{remote}: its clock differs by {behind:.0f} s"
            yield Evidence(text, "fail" if bad else "warn")

    yield from _each(stack, look)


def _buckets(stack: RunningSite) -> dict[str, tuple[Remote, S3Origin]]:
    found = {
        remote.name: (remote, remote.origin)
        for remote in remotes(stack.site.origins)
        if isinstance(remote.origin, S3Origin)
    }
    if not found:
        raise Skipped("the site has no bucket with a whole name")
    return found


@check(409)
def in_region(stack: RunningSite) -> Iterator[str]:
    for remote, origin in _buckets(stack).values():
        signed, said = resolve_endpoint(origin).region, bucket_region(origin)
        if said is not None and said != signed:
            yield f"{remote}: the bucket is in {said}, and downloads are signed for {signed}"


def _missing(stack: RunningSite, name: str) -> StoreFinding:
    """Ask for an object that no bucket has: the code says what else is wrong."""
    return ask_store(stack.site, ObjectRef(name, f"xaccel-doctor-{secrets.token_hex(8)}"))


@check(410)
def authorized(stack: RunningSite) -> Iterator[str]:
    for name, (remote, _) in _buckets(stack).items():
        finding = _missing(stack, name)
        if finding.code in _NO_KEYS:
            yield f"{remote}: {finding.code}. {finding.remedy}"


@check(411)
def there(stack: RunningSite) -> Iterator[str]:
    for name, (remote, origin) in _buckets(stack).items():
        if _missing(stack, name).code == "NoSuchBucket":
            yield f"{remote}: {origin.bucket}"


@check(412)
def private(stack: RunningSite) -> Iterator[str]:
    for name, (remote, _) in _buckets(stack).items():
        if ask(remote, f"{remote.url}?list-type=2&max-keys=1", {}).status == 200:
            yield f"{remote}: everybody can list it"
        if stack.named and stack.named[0] == name:
            url = Sender(stack.site).hand_off(ObjectRef(*stack.named)).target
            if ask(remote, url.partition("?")[0], {"Range": "bytes=0-0"}).status in (200, 206):
                yield f"{remote}: everybody can read {stack.named[1]}"


def _named(stack: RunningSite) -> tuple[str, str]:
    if stack.named is None:
        raise Skipped("no object is named; --object ORIGIN/KEY names one")
    return stack.named


@check(413)
def delivered(stack: RunningSite) -> Iterator[str]:
    name, key = _named(stack)
    finding = ask_store(stack.site, ObjectRef(name, key))
    if finding.code and finding.code != "not asked":
        yield f"{key} of origin {name}: {finding.code}. {finding.remedy}"


@check(414)
def headed(stack: RunningSite) -> Iterator[str]:
    name, key = _named(stack)
    remote = next((each for each in remotes(stack.site.origins) if each.name == name), None)
    if remote is None:
        raise Skipped("the origin is not one host on the network")
    hand_off = Sender(stack.site).hand_off(ObjectRef(name, key), method="HEAD")
    status = ask(remote, hand_off.target, hand_off.request_headers, "HEAD").status
    if status != 200:
        yield f"{key} of origin {name}: status {status}"


@check(415)
def readable(stack: RunningSite) -> Iterator[str]:
    roots = {
        name: origin.root for name, origin in stack.site.origins.items() if isinstance(origin, LocalOrigin)
    }
    if not roots:
        raise Skipped("the site has no directory")
    for name, root in roots.items():
        if not Path(root).is_dir():
            yield f"origin {name}: {root} is not a directory"
        elif not stack.workers.may(Path(root), 1):
            yield f"origin {name}: {stack.workers.user} may not enter {root}"


@check(416)
def admitted(stack: RunningSite) -> Iterator[str | Evidence]:
    def look(remote: Remote) -> Iterator[str]:
        if isinstance(remote.origin, HTTPOrigin) and not remote.origin.expires_s:
            status = ask(remote, remote.url, {"Range": "bytes=0-0", **remote.origin.request_headers}).status
            if status == 401:
                yield f"{remote}: status 401"

    yield from _each(stack, look)
