"""XA4xx: each origin, from this machine, with the addresses and TLS options that NGINX uses; XA103: credentials."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from xaccel.doctor.check import Evidence, Skipped, check
from xaccel.doctor.origin_probe import Remote, ask, asks_for_certificate, ends_in_days, remotes, shake_hands
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import ConfigError, CredentialsUnavailable
from xaccel.explain.ask_store import StoreFinding, ask_store, bucket_region
from xaccel.handoff.objects import ObjectRef
from xaccel.sender import Sender
from xaccel.signing.credentials import CredentialSource
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.origins import HTTPOrigin, LocalOrigin, S3Origin
from xaccel.site.rules import is_pattern

_DATES, _NAME = (9, 10), (62, 63, 64)
"""Codes of OpenSSL (openssl/x509_vfy.h)."""
_SOON_DAYS = 14
_SKEW_S, _MOST_SKEW_S = 60, 900
_NO_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}

LookAtOne = Callable[[RunningSite, Remote], Iterator["str | Evidence"]]


def _each(number: int, is_wanted: Callable[[Remote], bool], missing: str) -> Callable[[LookAtOne], LookAtOne]:
    """Make a function the one that looks at each origin of a kind; its evidence gets the origin's name."""

    def registered(look: LookAtOne) -> LookAtOne:
        @check(number)
        def _(stack: RunningSite) -> Iterator[Evidence | str]:
            found = [remote for remote in remotes(stack.site.origins) if is_wanted(remote)]
            if not found:
                raise Skipped(missing)
            for remote in found:
                for one in look(stack, remote):
                    text, status = (one.text, one.status) if isinstance(one, Evidence) else (one, None)
                    text = f"origin {remote.name}: {text}"
                    yield Evidence(text, status) if status else text

        return look

    return registered


def _is_bucket(remote: Remote) -> bool:
    return isinstance(remote.origin, S3Origin)


_remote = partial(_each, is_wanted=lambda _: True, missing="the site has no origin on the network")
_secure = partial(_each, is_wanted=lambda remote: remote.is_secure, missing="no origin speaks TLS")
_bucket = partial(_each, is_wanted=_is_bucket, missing="the site has no bucket with a fixed name")


@check(103)
def credentials(stack: RunningSite) -> Iterator[str]:
    buckets = {name: origin for name, origin in stack.site.origins.items() if isinstance(origin, S3Origin)}
    if not buckets:
        raise Skipped("the site has no bucket")
    for name, origin in buckets.items():
        try:
            resolve_endpoint(origin)
            CredentialSource(origin).current()
        except (ConfigError, CredentialsUnavailable) as error:
            yield f"origin {name}: {error}"


@_remote(401)
def resolved(_: RunningSite, remote: Remote) -> Iterator[str]:
    allowed = [
        urlsplit(f"//{host}").hostname or "" for host in remote.origin.redirect_hosts if not is_pattern(host)
    ]
    for host in [*(host for host, _ in remote.servers), *allowed]:
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            yield f"{host}: {error.strerror or error}"


@_remote(402)
def connected(_: RunningSite, remote: Remote) -> Iterator[str]:
    for host, port in remote.servers:
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError as error:
            yield f"{host}:{port}: {error.strerror or error}"


def _certified(_: RunningSite, remote: Remote, is_mine: Callable[[int], bool]) -> Iterator[str | Evidence]:
    try:
        days = ends_in_days(shake_hands(remote))
        if days is not None and days < _SOON_DAYS and is_mine(_DATES[0]):
            yield Evidence(f"its certificate ends in {days:.0f} days", "warn")
    except ssl.SSLCertVerificationError as error:
        if is_mine(int(getattr(error, "verify_code", 0) or error.errno or 0)):
            yield getattr(error, "verify_message", "") or str(error.args[-1])
    except OSError:
        return


_secure(403)(partial(_certified, is_mine=lambda code: code not in _DATES + _NAME))
_secure(404)(partial(_certified, is_mine=_DATES.__contains__))
_secure(405)(partial(_certified, is_mine=_NAME.__contains__))


def _spoken(_: RunningSite, remote: Remote, *, for_certificate: bool) -> Iterator[str]:
    try:
        ask(remote, remote.url, {}, "HEAD")
    except (OSError, HTTPException) as error:
        if asks_for_certificate(remote) == for_certificate:
            yield str(error) or type(error).__name__


_remote(406)(partial(_spoken, for_certificate=False))
_remote(407)(partial(_spoken, for_certificate=True))


@_bucket(408)
def in_time(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    date = ask(remote, remote.url, {}, "HEAD").header("Date")
    behind = parsedate_to_datetime(date).timestamp() - time.time() if date else 0
    if abs(behind) > _SKEW_S:
        bad = abs(behind) > _MOST_SKEW_S or behind > (remote.origin.expires_s or 0)
        yield Evidence(f"its clock differs by {behind:.0f} s", "fail" if bad else "warn")


@_bucket(409)
def in_region(_: RunningSite, remote: Remote) -> Iterator[str]:
    assert isinstance(remote.origin, S3Origin)
    signed, said = resolve_endpoint(remote.origin).region, bucket_region(remote.origin)
    if said is not None and said != signed:
        yield f"the bucket is in {said}, and downloads are signed for {signed}"


def _missing(stack: RunningSite, remote: Remote) -> StoreFinding:
    """Ask for an object that no bucket has: the code says what else is wrong."""
    return ask_store(stack.site, ObjectRef(remote.name, f"xaccel-doctor-{secrets.token_hex(8)}"))


@_bucket(410)
def authorized(stack: RunningSite, remote: Remote) -> Iterator[str]:
    finding = _missing(stack, remote)
    if finding.code in _NO_KEYS:
        yield f"{finding.code}. {finding.remedy}"


@_bucket(411)
def there(stack: RunningSite, remote: Remote) -> Iterator[str]:
    if _missing(stack, remote).code == "NoSuchBucket":
        yield str(getattr(remote.origin, "bucket", ""))


@_bucket(412)
def private(stack: RunningSite, remote: Remote) -> Iterator[str]:
    if ask(remote, f"{remote.url}?list-type=2&max-keys=1", {}).status == 200:
        yield "anyone can list it"
    if stack.named and stack.named[0] == remote.name:
        url = Sender(stack.site).hand_off(ObjectRef(*stack.named)).target
        if ask(remote, url.partition("?")[0], {"Range": "bytes=0-0"}).status in (200, 206):
            yield f"anyone can read {stack.named[1]}"


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
    found = [(name, one.root) for name, one in stack.site.origins.items() if isinstance(one, LocalOrigin)]
    if not found:
        raise Skipped("the site has no directory")
    for name, root in found:
        if not Path(root).is_dir():
            yield f"origin {name}: {root} is not a directory"
        elif not stack.workers.may(Path(root), 1):
            yield f"origin {name}: {stack.workers.user} may not enter {root}"


@_remote(416)
def admitted(_: RunningSite, remote: Remote) -> Iterator[str]:
    origin = remote.origin
    fixed = origin.request_headers if isinstance(origin, HTTPOrigin) and not origin.expires_s else None
    if fixed is not None and ask(remote, remote.url, {"Range": "bytes=0-0", **fixed}).status == 401:
        yield "status 401"
