"""XA4xx: each origin, from this machine, with the addresses and TLS options that NGINX uses; XA103: credentials."""

from __future__ import annotations

import queue
import re
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
from typing import Any
from urllib.parse import urlsplit

from xaccel.errors import ConfigError, CredentialsUnavailable, XaccelError
from xaccel.handoff.objects import ObjectRef
from xaccel.handoff.places import base_url
from xaccel.http_client.exchange import TIMEOUT_S, Exchange, address_of, wait_s
from xaccel.http_client.origin import ask_origin, origin_connection
from xaccel.sender import Sender
from xaccel.signing.credentials import CredentialSource
from xaccel.signing.endpoint import resolve_endpoint
from xaccel.site.origins import CREDENTIALS, LocalOrigin, Origin, RemoteOrigin, S3Origin, covers_many
from xaccel.site.rules import is_address
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.first_download import object_of
from xaccel.tools.doctor.location import is_this_machine
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.explain.ask_storage import ask_storage
from xaccel.tools.nginx.pools import WRITTEN, system_lookup

_DATES, _NAME = (9, 10), (62, 63, 64)
"""Codes of OpenSSL (openssl/x509_vfy.h)."""
_SOON_DAYS = 14
_SKEW_S, _MOST_SKEW_S = 60, 900
_DNS_S = 2.0
_NO_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_NO_NAME = 3
"""NXDOMAIN (RFC 1035)."""
_ALERTS = ("certificate required", "bad certificate", "handshake failure", "unknown ca")
"""Of TLS, from an origin that wants a client certificate."""


@dataclass(frozen=True, slots=True)
class Remote:
    """An origin on the network. url: its base; servers: where NGINX connects."""

    name: str
    origin: RemoteOrigin
    url: str
    servers: tuple[tuple[str, int], ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Its kinds, for `check_each`."""
        kind = "bucket" if isinstance(self.origin, S3Origin) else "server"
        return "on the network", kind, urlsplit(self.url).scheme

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


LookAtOne = Callable[[RunningSite, Remote], Iterator[Evidence]]


def check_each(kind: str, *ids: str) -> Callable[[LookAtOne], LookAtOne]:
    """Register a function, as `check` does, that looks at each origin of a kind."""

    def registered(look: LookAtOne) -> LookAtOne:
        @check(*ids)
        @wraps(look)
        def look_at_each(stack: RunningSite) -> Iterator[Evidence]:
            found = [remote for remote in remotes(stack.site.origins) if kind in remote.kinds]
            if not found:
                raise Skipped(f"no origin of the site is of this kind: {kind}")
            for remote in found:
                for seen in _looked(look, ids, stack, remote):
                    yield replace(seen, text=f"origin {remote.name}: {seen.text}")

        return look

    return registered


def _looked(look: LookAtOne, ids: tuple[str, ...], stack: RunningSite, remote: Remote) -> Iterator[Evidence]:
    """Look at an origin until it fails a check: it is left out of later ones."""
    try:
        for one in () if remote.name in stack.broken else look(stack, remote):
            seen = replace(one, check=one.check or ids[0])
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


@check_each("on the network", "XA401", "XA402")
def origin_is_reachable(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    redirects = [
        urlsplit(f"//{host}").hostname or "" for host in remote.origin.redirect_hosts if "*" not in host
    ]
    is_known = True
    for host in [*(host for host, _ in remote.servers), *redirects]:
        try:
            _look_up(host)
        except OSError as error:
            is_known = False
            yield Evidence(f"{host}: {error.strerror or error}", check="XA401")
    for host, port in remote.servers if is_known else ():
        try:
            socket.create_connection((host, port), timeout=wait_s(5)).close()
        except OSError as error:
            remedy = REMEDIES["this_machine"] if is_this_machine(host) else ""
            text = f"{host}:{port}{_addresses(host)}: {error.strerror or error}"
            yield Evidence(text, remedy=remedy, check="XA402")


def _addresses(host: str) -> str:
    """Return the addresses that this machine has for a name, in brackets; empty for an address."""
    if is_address(host):
        return ""
    known = {str(one[4][0]): None for one in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)}
    return f" ({', '.join(known)})"


@check("XA426")
def nginx_has_the_present_addresses(stack: RunningSite) -> Iterator[Evidence]:
    """Compare the addresses that `config` wrote into the configuration with those in DNS now."""
    configuration = (stack.folder / stack.site.folder / "http.conf").read_text(encoding="utf-8")
    for name, lines in WRITTEN.findall(configuration):
        written, now = {*re.findall(r"server (\S+?:\d+)", lines)}, {*system_lookup(name)}
        if not now or written & now:
            continue  # without an address, XA401 fails; some storages have more addresses than DNS shows at once
        places = [one for one in remotes(stack.site.origins) if address_of(name) in one.servers]
        serving = [address for address in written if _serves(places, address)]
        is_proved = bool(places) and "https" in places[0].kinds  # it has the certificate of the origin
        if len(serving) < len(written) or not is_proved:
            text = f"NGINX connects to {', '.join(sorted(written))} for {name}"
            yield Evidence(f"{text}, and DNS has {', '.join(sorted(now))}", "warn" if serving else None)


def _serves(places: list[Remote], address: str) -> bool:
    """Tell whether an address accepts connections, over TLS with the certificate of its origin."""
    try:
        if places:
            replace(places[0], servers=(address_of(address),)).connect().close()
        else:  # of a host of redirects
            socket.create_connection(address_of(address), timeout=wait_s(_DNS_S)).close()
    except OSError:
        return False
    return True


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
def resolver_knows_the_hosts(stack: RunningSite) -> Iterator[Evidence]:
    codes = {server: _rcode(server) for server in stack.site.resolver}
    silent = [server for server, code in codes.items() if code is None]
    for server in silent:
        yield Evidence(f"{server} does not respond", "fail" if len(silent) == len(codes) else "warn")
    hosts: dict[str, str] = {}
    for remote in remotes(stack.site.origins) if len(silent) < len(codes) else ():
        for exchange in ask_origin(remote.origin, remote.url, method="HEAD")[
            bool(remote.origin.connect_to) :
        ]:
            hosts[urlsplit(exchange.url).hostname or ""] = remote.name
    for server in codes.keys() - {*silent}:
        for host, name in hosts.items():
            if not is_address(host) and _rcode(server, host) == _NO_NAME:
                text = f"{server} does not know {host}, where NGINX fetches files of the origin {name}"
                yield Evidence(text)


def _rcode(server: str, host: str = "") -> int | None:
    """Ask a DNS server for a host, or for the name servers of the root; return its status, or None without one."""
    parts, most_s = urlsplit(f"//{server}"), wait_s(_DNS_S)
    labels = b"".join(bytes([len(label)]) + label for label in host.encode("idna").split(b".") if label)
    number, kind = secrets.token_bytes(2), 1 if host else 2
    query = number + bytes.fromhex("0100 0001 0000 0000 0000") + labels + bytes([0, 0, kind, 0, 1])
    with socket.socket(socket.AF_INET6 if server[0] == "[" else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(most_s)
        try:
            asking.connect((parts.hostname, parts.port or 53))
            asking.send(query)
            reply = asking.recv(512)
        except OSError:
            return None
    return reply[3] & 15 if reply[:2] == number and len(reply) > 3 else None


@check_each("https", "XA403", "XA404", "XA405")
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


@check_each("on the network", "XA406", "XA407")
def origin_speaks_http(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    try:
        remote.ask(remote.url, method="HEAD")
    except (OSError, HTTPException) as error:
        name = "XA407" if remote.url.startswith("https:") and _wants_certificate(remote) else "XA406"
        remedy = REMEDIES["storage_hangs"] if isinstance(error, TimeoutError) else ""
        if isinstance(error, socket.gaierror):
            remedy = REMEDIES["redirect_not_in_dns"]
        yield Evidence(str(error) or type(error).__name__, remedy=remedy, check=name)


def _wants_certificate(remote: Remote) -> bool:
    # TLS 1.3 says so after the handshake, mostly together with the end of the connection.
    try:
        with closing(remote.connect()) as made:
            made.sock.recv(1)
    except OSError as error:
        return any(f"alert {alert}" in str(error) for alert in _ALERTS)
    return False


@check_each("bucket", "XA420")
def storage_speaks_s3(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    reply = remote.ask(f"{remote.url}xaccel-doctor-{secrets.token_hex(8)}")
    if "html" in reply.header("Content-Type"):
        text = f"{remote.url} responds with {reply.status} and a page of HTML to a key that no bucket has"
        yield Evidence(text, remedy=REMEDIES["not_s3"] if reply.status >= 400 else "")


@check_each("bucket", "XA408", "XA409")
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


@check_each("bucket", "XA410", "XA411")
def bucket_accepts_the_credentials(stack: RunningSite, remote: Remote) -> Iterator[Evidence]:
    """Request an object that no bucket has: the code says what else is wrong."""
    finding = ask_storage(stack.site, ObjectRef(remote.name, f"xaccel-doctor-{secrets.token_hex(8)}"))
    if finding.code in _NO_KEYS:
        values = {name: getattr(remote.origin, name, None) or "" for name in CREDENTIALS}
        names = " and ".join(f"`{name}`" for name, value in values.items() if value != value.strip())
        remedy = REMEDIES["white_space"].format(names=names) if names else ""
        yield Evidence(f"{finding.code}. {finding.remedy}", remedy=remedy, check="XA410")
    elif finding.code == "NoSuchBucket":
        yield Evidence(getattr(remote.origin, "bucket", ""), check="XA411")


@check_each("bucket", "XA412")
def bucket_is_private(stack: RunningSite, remote: Remote) -> Iterator[Evidence]:
    if remote.ask(f"{remote.url}?list-type=2&max-keys=1").status == 200:
        yield Evidence("anyone can list it")
    try:
        ref = object_of(stack)
    except Skipped as reason:
        yield Evidence(f"no client can list it; reading an object was not tried: {reason}", "skipped")
        return
    if ref.origin != remote.name:
        return
    url = Sender(stack.site).hand_off(ref).target
    if remote.ask(url.partition("?")[0], {"Range": "bytes=0-0"}).status in (200, 206):
        yield Evidence(f"anyone can read {ref.key}")


@check_each("server", "XA416")
def server_accepts_the_request_headers(_: RunningSite, remote: Remote) -> Iterator[Evidence]:
    if not remote.origin.expires_s and remote.ask(remote.url, {"Range": "bytes=0-0"}).status == 401:
        yield Evidence("status 401")
