"""XA4xx: each origin, from this machine, with the addresses and TLS options that NGINX uses; XA103: credentials."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

from xaccel.doctor.check import check
from xaccel.doctor.evidence import Evidence, Skipped, Status
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import ConfigError, CredentialsUnavailable, XaccelError
from xaccel.explain.ask_storage import StorageFinding, ask_storage, bucket_region
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import base_url
from xaccel.http_client.exchange import TIMEOUT_S, Exchange, address_of, wait_s
from xaccel.http_client.origin import ask_origin, origin_connection
from xaccel.sender import Sender
from xaccel.signing.credentials import CredentialSource
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.origins import HTTPOrigin, LocalOrigin, Origin, RemoteOrigin, S3Origin, covers_many

_DATES, _NAME = (9, 10), (62, 63, 64)
"""Codes of OpenSSL (openssl/x509_vfy.h)."""
_SOON_DAYS = 14
_SKEW_S, _MOST_SKEW_S = 60, 900
_DNS_S = 2.0
_NO_SUCH = ("NoSuchKey", "FileNotFoundError")
_NO_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_HANGS = (
    "The storage accepts the connection and does not respond: look at its load and its log, and at a proxy or firewall"
    " before it. If it is only slow, `--timeout` waits longer."
)
_ALERTS = ("certificate required", "bad certificate", "handshake failure", "unknown ca")
"""Of TLS, from an origin that wants a client certificate."""


@dataclass(frozen=True, slots=True)
class Remote:
    """An origin on the network. url: its base; servers: where NGINX connects."""

    name: str
    origin: RemoteOrigin
    url: str
    servers: tuple[tuple[str, int], ...]

    def ask(self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Exchange:
        """Send one request as NGINX does. Raises OSError and http.client.HTTPException."""
        return ask_origin(self.origin, url, headers or {}, method=method)[-1].completed()

    def connect(self) -> Any:
        """Return an open connection as NGINX makes it. Raises OSError, also for a certificate that NGINX refuses."""
        parts = urlsplit(self.url)
        made = origin_connection(self.origin, parts.scheme, parts.netloc, self.servers)
        made.connect()
        return made


def remotes(origins: Mapping[str, Origin]) -> Iterator[Remote]:
    """Yield the origins on the network, but not those whose hosts are not known: patterns, and what XA103 reports."""
    for name, origin in origins.items():
        if not isinstance(origin, LocalOrigin) and not covers_many(origin):
            try:
                url = base_url(origin)
            except ConfigError:
                continue
            yield Remote(name, origin, url, tuple(map(address_of, origin.connect_to or (url,))))


LookAtOne = Callable[[RunningSite, Remote], Iterator["str | Evidence"]]


def _each(number: int, is_wanted: Callable[[Remote], bool], missing: str) -> Callable[[LookAtOne], LookAtOne]:
    """Make a function the one that looks at each origin of a kind; its evidence gets the origin's name.

    An origin that failed an earlier check is left out.
    """

    def registered(look: LookAtOne) -> LookAtOne:
        @check(number)
        def _(stack: RunningSite) -> Iterator[Evidence]:
            found = [remote for remote in remotes(stack.site.origins) if is_wanted(remote)]
            if not found:
                raise Skipped(missing)
            for remote in found:
                if remote.name in stack.broken:
                    yield Evidence(f"origin {remote.name}: see XA{stack.broken[remote.name]}", "skipped")
                    continue
                for one in _looked(look, stack, remote):
                    if one.status in (None, "fail", "unknown"):
                        stack.broken[remote.name] = number
                    yield replace(one, text=f"origin {remote.name}: {one.text}")

        return look

    return registered


def _looked(look: LookAtOne, stack: RunningSite, remote: Remote) -> Iterator[Evidence]:
    try:
        for one in look(stack, remote):
            yield one if isinstance(one, Evidence) else Evidence(one)
    except (OSError, HTTPException, XaccelError) as error:
        yield Evidence(str(error) or type(error).__name__, "unknown")


_remote = partial(_each, is_wanted=lambda _: True, missing="the site has no origin on the network")
_secure = partial(
    _each, is_wanted=lambda remote: remote.url.startswith("https:"), missing="no origin speaks TLS"
)
_bucket = partial(
    _each,
    is_wanted=lambda remote: isinstance(remote.origin, S3Origin),
    missing="the site has no bucket with a fixed name",
)


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
        urlsplit(f"//{host}").hostname or "" for host in remote.origin.redirect_hosts if "*" not in host
    ]
    for host in [*(host for host, _ in remote.servers), *allowed]:
        try:
            _look_up(host)
        except OSError as error:
            yield f"{host}: {error.strerror or error}"


@check(419)
def dns_servers(stack: RunningSite) -> Iterator[Evidence]:
    silent = [server for server in stack.site.resolver if not _answers(server)]
    status: Status = "fail" if len(silent) == len(stack.site.resolver) else "warn"
    for server in silent:
        yield Evidence(f"{server} does not respond", status)


def _answers(server: str) -> bool:
    """Ask a DNS server for the name servers of the root, and take any response."""
    parts, most_s = urlsplit(f"//{server}"), wait_s(_DNS_S)
    query = secrets.token_bytes(2) + bytes.fromhex("0100 0001 0000 0000 0000  00 0002 0001")
    with socket.socket(socket.AF_INET6 if server[0] == "[" else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(most_s)
        try:
            asking.connect((parts.hostname, parts.port or 53))
            asking.send(query)
            return asking.recv(512)[:2] == query[:2]
        except OSError:
            return False


def _look_up(host: str) -> None:
    """Ask DNS in a thread, since the system sets no time limit. Raises OSError."""
    failed: list[OSError | None] = []

    def ask() -> None:
        try:
            socket.getaddrinfo(host, None)
            failed.append(None)
        except OSError as error:
            failed.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(wait_s(TIMEOUT_S))
    if (error := failed[0] if failed else TimeoutError("DNS does not respond")) is not None:
        raise error


@_remote(402)
def connected(_: RunningSite, remote: Remote) -> Iterator[str]:
    for host, port in remote.servers:
        try:
            socket.create_connection((host, port), timeout=wait_s(5)).close()
        except OSError as error:
            yield f"{host}:{port}: {error.strerror or error}"


def _certified(_: RunningSite, remote: Remote, is_mine: Callable[[int], bool]) -> Iterator[str | Evidence]:
    try:
        with closing(remote.connect()) as made:
            end = (made.sock.getpeercert() or {}).get("notAfter", "")
        days = (ssl.cert_time_to_seconds(end) - time.time()) / 86400 if end else _SOON_DAYS
        if days < _SOON_DAYS and is_mine(_DATES[0]):
            yield Evidence(f"its certificate ends in {days:.0f} days", "warn")
    except ssl.SSLCertVerificationError as error:
        if is_mine(int(getattr(error, "verify_code", 0) or error.errno or 0)):
            yield getattr(error, "verify_message", "") or str(error.args[-1])
    except OSError:
        return


_secure(403)(partial(_certified, is_mine=lambda code: code not in _DATES + _NAME))
_secure(404)(partial(_certified, is_mine=_DATES.__contains__))
_secure(405)(partial(_certified, is_mine=_NAME.__contains__))


def _spoken(_: RunningSite, remote: Remote, *, for_certificate: bool) -> Iterator[Evidence]:
    try:
        remote.ask(remote.url, method="HEAD")
    except (OSError, HTTPException) as error:
        if (remote.url.startswith("https:") and _wants_certificate(remote)) == for_certificate:
            is_slow = isinstance(error, TimeoutError)
            yield Evidence(str(error) or type(error).__name__, remedy=_HANGS if is_slow else "")


def _wants_certificate(remote: Remote) -> bool:
    # TLS 1.3 says so after the handshake, mostly together with the end of the connection.
    try:
        with closing(remote.connect()) as made:
            made.sock.recv(1)
    except OSError as error:
        return any(f"alert {alert}" in str(error) for alert in _ALERTS)
    return False


_remote(406)(partial(_spoken, for_certificate=False))
_remote(407)(partial(_spoken, for_certificate=True))


@_bucket(420)
def speaks_s3(_: RunningSite, remote: Remote) -> Iterator[str]:
    reply = remote.ask(f"{remote.url}xaccel-doctor-{secrets.token_hex(8)}")
    if reply.status < 400 and "html" in reply.header("Content-Type"):
        yield f"{remote.url} responds with {reply.status} and a page of HTML to a key that no bucket has"


@_bucket(408)
def in_time(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    date = remote.ask(remote.url, method="HEAD").header("Date")
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


def _missing(stack: RunningSite, remote: Remote) -> StorageFinding:
    """Ask for an object that no bucket has: the code says what else is wrong."""
    return ask_storage(stack.site, ObjectRef(remote.name, f"xaccel-doctor-{secrets.token_hex(8)}"))


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
    if remote.ask(f"{remote.url}?list-type=2&max-keys=1").status == 200:
        yield "anyone can list it"
    if stack.named and stack.object.origin == remote.name:
        url = Sender(stack.site).hand_off(stack.object).target
        if remote.ask(url.partition("?")[0], {"Range": "bytes=0-0"}).status in (200, 206):
            yield f"anyone can read {stack.named[1]}"


@check(413)
def delivered(stack: RunningSite) -> Iterator[Evidence]:
    finding = ask_storage(stack.site, stack.object)
    if finding.code and finding.code != "not asked":
        text = f"{stack.object.key} of origin {stack.object.origin}: {finding.code}. {finding.remedy}"
        yield Evidence(text, remedy=_elsewhere(stack, stack.object) if finding.code in _NO_SUCH else "")


def _elsewhere(stack: RunningSite, ref: ObjectRef) -> str:
    """Return where an object is that is not at its key: without the prefix, or with other Unicode characters."""
    origin = stack.site.origin(ref.origin)
    if isinstance(origin, LocalOrigin):
        path = Path(origin.root) / ref.key
        names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        wanted = normalize("NFKC", path.name).casefold().strip()
        alike = next((name for name in names if normalize("NFKC", name).casefold().strip() == wanted), None)
        if alike is None:
            return ""
        kind = "NFC and NFD" if normalize("NFC", alike) == normalize("NFC", path.name) else "case or spaces"
        return (
            f"The folder has {alike!a}, and the key is {path.name!a}: they differ in {kind}. Rename the file, or store"
            " its name in the app as the folder has it."
        )
    if not isinstance(origin, S3Origin) or not origin.prefix:
        return ""
    site = replace(stack.site, origins={**stack.site.origins, ref.origin: replace(origin, prefix="")})
    is_there = not ask_storage(site, ref).code
    prefix = origin.prefix
    return (
        f"`prefix` of the origin is {prefix!r}: the key was looked for as {prefix}{ref.key}."
        f"{' Without the prefix the bucket has the object: correct `prefix`, or the key.' if is_there else ''}"
    )


@check(414)
def headed(stack: RunningSite) -> Iterator[str]:
    key, name = stack.object.key, stack.object.origin
    remote = next((each for each in remotes(stack.site.origins) if each.name == name), None)
    if remote is None:
        raise Skipped("the origin is not one host on the network")
    hand_off = Sender(stack.site).hand_off(stack.object, method="HEAD")
    status = remote.ask(hand_off.target, method="HEAD").status
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
        elif not stack.workers_may(Path(root), "-x"):
            yield f"origin {name}: {stack.workers[0]} may not enter {root}"


def why_unreadable(stack: RunningSite, ref: ObjectRef) -> Iterator[Evidence]:
    """Yield why NGINX's workers cannot send a file of a directory that is there. Raises Skipped."""
    origin = stack.site.origin(ref.origin)
    if not isinstance(origin, LocalOrigin):
        return
    path = Path(origin.root)
    for part in (*Path(ref.key).parts[:-1], Path(ref.key).name):
        path /= part
        if path.is_symlink():
            text = f"{path} is a symbolic link, and NGINX follows none below the directory of an origin"
            yield Evidence(text, remedy="Move the file there, or mount its folder there (`mount --bind`).")
            return
        right, verb = ("-x", "enter") if path.is_dir() else ("-r", "read")
        if path.exists() and not stack.workers_may(path, right):
            mode = f"mode {path.stat().st_mode & 0o777:o}, owner {path.owner()}"
            yield Evidence(f"{stack.workers[0]} may not {verb} {path} ({mode})")
            return


check(417)(lambda stack: why_unreadable(stack, stack.object))


@check(418)
def cache_writable(stack: RunningSite) -> Iterator[str]:
    if stack.site.cache is None:
        raise Skipped("the site has no CACHE")
    folder = stack.prefix / stack.site.cache.path
    if not stack.workers_may(folder, "-w"):
        yield f"{stack.workers[0]} may not write to {folder}"


@_remote(416)
def admitted(_: RunningSite, remote: Remote) -> Iterator[str]:
    is_plain = isinstance(remote.origin, HTTPOrigin) and not remote.origin.expires_s
    if is_plain and remote.ask(remote.url, {"Range": "bytes=0-0"}).status == 401:
        yield "status 401"
