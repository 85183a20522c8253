"""XA4xx: each origin, from this machine, with the addresses and TLS options that NGINX uses; XA103: credentials."""

from __future__ import annotations

import queue
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import wraps
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

from xaccel.doctor.check import REMEDIES, check
from xaccel.doctor.evidence import Evidence, Skipped, Status
from xaccel.doctor.running_site import RunningSite
from xaccel.errors import ConfigError, CredentialsUnavailable, XaccelError
from xaccel.explain.ask_storage import ask_storage
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
Kind = tuple[Callable[[Remote], bool], str]
"""The origins to look at, and the reason to skip a check without one."""
_ANY: Kind = (lambda _: True, "the site has no origin on the network")
_TLS: Kind = (lambda remote: remote.url.startswith("https:"), "no origin speaks TLS")
_BUCKET: Kind = (
    lambda remote: isinstance(remote.origin, S3Origin),
    "the site has no bucket with a fixed name",
)


def check_each(kind: Kind, *ids: str) -> Callable[[LookAtOne], LookAtOne]:
    """Make a function the one that looks at each origin of a kind, as `check` does."""
    is_wanted, missing = kind

    def registered(look: LookAtOne) -> LookAtOne:
        @check(*ids)
        @wraps(look)
        def look_at_each(stack: RunningSite) -> Iterator[Evidence]:
            found = [remote for remote in remotes(stack.site.origins) if is_wanted(remote)]
            if not found:
                raise Skipped(missing)
            for remote in found:
                for seen in _looked(look, ids, stack, remote):
                    yield replace(seen, text=f"origin {remote.name}: {seen.text}")

        return look

    return registered


def _looked(look: LookAtOne, ids: tuple[str, ...], stack: RunningSite, remote: Remote) -> Iterator[Evidence]:
    """Look at an origin until it fails a check: it is left out of later ones."""
    try:
        for one in () if remote.name in stack.broken else look(stack, remote):
            seen = (
                replace(one, check=one.check or ids[0])
                if isinstance(one, Evidence)
                else Evidence(one, check=ids[0])
            )
            if seen.status in (None, "fail", "unknown"):
                stack.broken[remote.name] = seen.check
            yield seen
    except (OSError, HTTPException, XaccelError) as error:
        stack.broken[remote.name] = ids[0]
        yield Evidence(str(error) or type(error).__name__, "unknown", check=ids[0])
    if broken := stack.broken.get(remote.name):
        for name in ids[ids.index(broken) + 1 :] if broken in ids else ids:
            yield Evidence(f"see {broken}", "skipped", check=name)


@check("XA103")
def buckets_have_endpoint_and_credentials(stack: RunningSite) -> Iterator[str]:
    buckets = {name: origin for name, origin in stack.site.origins.items() if isinstance(origin, S3Origin)}
    if not buckets:
        raise Skipped("the site has no bucket")
    for name, origin in buckets.items():
        try:
            resolve_endpoint(origin)
            CredentialSource(origin).current()
        except (ConfigError, CredentialsUnavailable) as error:
            yield f"origin {name}: {error}"


@check_each(_ANY, "XA401")
def hosts_are_in_dns(_: RunningSite, remote: Remote) -> Iterator[str]:
    allowed = [
        urlsplit(f"//{host}").hostname or "" for host in remote.origin.redirect_hosts if "*" not in host
    ]
    for host in [*(host for host, _ in remote.servers), *allowed]:
        try:
            _look_up(host)
        except OSError as error:
            yield f"{host}: {error.strerror or error}"


def _look_up(host: str) -> None:
    """Ask DNS in a thread, since the system sets no time limit. Raises OSError."""
    said = queue.SimpleQueue[OSError | None]()

    def ask() -> None:
        try:
            socket.getaddrinfo(host, None)
            said.put(None)
        except OSError as error:
            said.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        error = said.get(timeout=wait_s(TIMEOUT_S))
    except queue.Empty:
        error = TimeoutError("DNS does not respond")
    if error is not None:
        raise error


@check("XA419")
def dns_servers_respond(stack: RunningSite) -> Iterator[Evidence]:
    silent = [server for server in stack.site.resolver if not _responds(server)]
    status: Status = "fail" if len(silent) == len(stack.site.resolver) else "warn"
    for server in silent:
        yield Evidence(f"{server} does not respond", status)


def _responds(server: str) -> bool:
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


@check_each(_ANY, "XA402")
def origin_accepts_connections(_: RunningSite, remote: Remote) -> Iterator[str]:
    for host, port in remote.servers:
        try:
            socket.create_connection((host, port), timeout=wait_s(5)).close()
        except OSError as error:
            yield f"{host}:{port}: {error.strerror or error}"


@check_each(_TLS, "XA403", "XA404", "XA405")
def nginx_accepts_the_certificate(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    try:
        with closing(remote.connect()) as made:
            end = (made.sock.getpeercert() or {}).get("notAfter", "")
        days = (ssl.cert_time_to_seconds(end) - time.time()) / 86400 if end else _SOON_DAYS
        if days < _SOON_DAYS:
            yield Evidence(f"its certificate ends in {days:.0f} days", "warn", check="XA404")
    except ssl.SSLCertVerificationError as error:
        code = int(getattr(error, "verify_code", 0) or error.errno or 0)
        name = "XA404" if code in _DATES else "XA405" if code in _NAME else "XA403"
        yield Evidence(getattr(error, "verify_message", "") or str(error.args[-1]), check=name)
    except OSError:
        return  # it fails XA406 or XA407


@check_each(_ANY, "XA406", "XA407")
def origin_speaks_http(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    try:
        remote.ask(remote.url, method="HEAD")
    except (OSError, HTTPException) as error:
        name = "XA407" if remote.url.startswith("https:") and _wants_certificate(remote) else "XA406"
        remedy = REMEDIES["storage_hangs"] if isinstance(error, TimeoutError) else ""
        yield Evidence(str(error) or type(error).__name__, remedy=remedy, check=name)


def _wants_certificate(remote: Remote) -> bool:
    # TLS 1.3 says so after the handshake, mostly together with the end of the connection.
    try:
        with closing(remote.connect()) as made:
            made.sock.recv(1)
    except OSError as error:
        return any(f"alert {alert}" in str(error) for alert in _ALERTS)
    return False


@check_each(_BUCKET, "XA420")
def storage_speaks_s3(_: RunningSite, remote: Remote) -> Iterator[str]:
    reply = remote.ask(f"{remote.url}xaccel-doctor-{secrets.token_hex(8)}")
    if reply.status < 400 and "html" in reply.header("Content-Type"):
        yield f"{remote.url} responds with {reply.status} and a page of HTML to a key that no bucket has"


@check_each(_BUCKET, "XA408", "XA409")
def bucket_has_this_time_and_region(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    assert isinstance(remote.origin, S3Origin)
    reply = remote.ask(remote.url, method="HEAD")
    date = reply.header("Date")
    behind = parsedate_to_datetime(date).timestamp() - time.time() if date else 0
    if abs(behind) > _SKEW_S:
        is_refused = abs(behind) > _MOST_SKEW_S or behind > (remote.origin.expires_s or 0)
        yield Evidence(
            f"its clock differs by {behind:.0f} s", "fail" if is_refused else "warn", check="XA408"
        )
        if is_refused:
            return
    # Amazon S3 names the region also to those who may read nothing.
    signed, region = resolve_endpoint(remote.origin).region, reply.header("x-amz-bucket-region")
    if region not in ("", signed):
        yield Evidence(f"the bucket is in {region}, and downloads are signed for {signed}", check="XA409")


@check_each(_BUCKET, "XA410", "XA411")
def bucket_accepts_the_credentials(stack: RunningSite, remote: Remote) -> Iterator[Evidence]:
    """Request an object that no bucket has: the code says what else is wrong."""
    finding = ask_storage(stack.site, ObjectRef(remote.name, f"xaccel-doctor-{secrets.token_hex(8)}"))
    if finding.code in _NO_KEYS:
        yield Evidence(f"{finding.code}. {finding.remedy}", check="XA410")
    elif finding.code == "NoSuchBucket":
        yield Evidence(getattr(remote.origin, "bucket", ""), check="XA411")


@check_each(_BUCKET, "XA412")
def bucket_is_private(stack: RunningSite, remote: Remote) -> Iterator[str]:
    if remote.ask(f"{remote.url}?list-type=2&max-keys=1").status == 200:
        yield "anyone can list it"
    if stack.named and stack.object.origin == remote.name:
        url = Sender(stack.site).hand_off(stack.object).target
        if remote.ask(url.partition("?")[0], {"Range": "bytes=0-0"}).status in (200, 206):
            yield f"anyone can read {stack.named[1]}"


@check("XA413")
def object_is_delivered(stack: RunningSite) -> Iterator[Evidence]:
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
        is_of_unicode = normalize("NFC", alike) == normalize("NFC", path.name)
        differ = "NFC and NFD" if is_of_unicode else "case or spaces"
        return REMEDIES["other_name"].format(there=ascii(alike), key=ascii(path.name), differ=differ)
    if not isinstance(origin, S3Origin) or not origin.prefix:
        return ""
    site = replace(stack.site, origins={**stack.site.origins, ref.origin: replace(origin, prefix="")})
    text = REMEDIES["prefix"].format(prefix=origin.prefix, key=ref.key)
    return text if ask_storage(site, ref).code else f"{text} {REMEDIES['without_prefix']}"


def ask_for_object(
    stack: RunningSite, headers: Mapping[str, str] = MappingProxyType({}), **options: Any
) -> Exchange:
    """Request the named object as NGINX does. Raises Skipped for one of a directory, OSError and HTTPException."""
    origin = stack.site.origin(stack.object.origin)
    if isinstance(origin, LocalOrigin):
        raise Skipped("the origin is a directory")
    hand_off = Sender(stack.site).hand_off(stack.object, method=options.get("method", "GET"))
    return ask_origin(origin, hand_off.target, headers, **options)[-1].completed()


@check("XA414")
def object_is_delivered_to_head(stack: RunningSite) -> Iterator[str]:
    if (status := ask_for_object(stack, method="HEAD").status) != 200:
        yield f"{stack.object.key} of origin {stack.object.origin}: status {status}"


@check_each(_ANY, "XA416")
def server_accepts_the_request_headers(_: RunningSite, remote: Remote) -> Iterator[str]:
    is_plain = isinstance(remote.origin, HTTPOrigin) and not remote.origin.expires_s
    if is_plain and remote.ask(remote.url, {"Range": "bytes=0-0"}).status == 401:
        yield "status 401"
