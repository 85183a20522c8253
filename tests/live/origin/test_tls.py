"""TLS of an origin: who is taken for it, and what happens when it is somebody else."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.live.raw_server import raw_server
from tests.live.stage import Stage, set_everywhere, stage
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.tools.nginx import Parts
from xaccel.tools.nginx.emit import directive
from xaccel_testing import Variant

NAME = "origin.test"


def over_tls(request: Request) -> Answer:
    return Answer(body=b"over TLS", close=request.target == "/closes")


def context_for(authority: trustme.CA, *names: str, **dates: datetime) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **dates).configure_cert(context)
    return context


def only(authority: trustme.CA, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Speaks one version of TLS."""
    context = context_for(authority, NAME)
    context.minimum_version = context.maximum_version = version
    return context


def old_protocol(authority: trustme.CA) -> ssl.SSLContext:
    """Speaks TLS 1.1 and nothing newer."""
    context = context_for(authority, NAME)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@dataclass
class Tls:
    """`names` are what clients said in SNI, for each origin."""

    stage: Stage
    origins: dict[str, Origin]
    names: dict[str, list[str | None]]


@pytest.fixture(scope="module")
def tls(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """Origins with every kind of certificate, each its own server."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority, stranger = trustme.CA(), trustme.CA()
    intermediate = authority.create_child_ca().create_child_ca()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    contexts = {
        "right": context_for(authority, NAME),
        "deep": context_for(intermediate, NAME),
        "stranger": context_for(stranger, NAME),
        "other-name": context_for(authority, "elsewhere.test"),
        "expired": context_for(
            authority, NAME, not_before=yesterday - timedelta(days=1), not_after=yesterday
        ),
        "not-yet": context_for(authority, NAME, not_before=datetime.now(UTC) + timedelta(days=1)),
        "old": old_protocol(authority),
        "tls12": only(authority, ssl.TLSVersion.TLSv1_2),
        "tls13": only(authority, ssl.TLSVersion.TLSv1_3),
        "unverified": context_for(stranger, "elsewhere.test"),
    }
    with ExitStack() as open_servers:
        names: dict[str, list[str | None]] = {name: [] for name in contexts}
        for name, context in contexts.items():
            context.sni_callback = lambda _socket, said, _context, name=name: names[name].append(said)
        origins = {
            name: open_servers.enter_context(origin_server(over_tls, tls=context))
            for name, context in contexts.items()
        }
        options = {name: origin.tls_options(folder / "ca.pem") for name, origin in origins.items()}
        del options["unverified"]["ca_file"]
        options["unverified"]["verify_tls"] = False
        options["address"] = {**options["right"], "base_url": f"https://127.0.0.1:{origins['right'].port}/"}
        plain = open_servers.enter_context(raw_server(answer_in_plain_http))
        options["plain"] = {**options["right"], "base_url": f"https://{plain}/", "connect_to": [plain]}
        yield Tls(open_servers.enter_context(stage(folder / "nginx", variant, options)), origins, names)


def answer_in_plain_http(connection: socket.socket, _: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain")


def test_an_origin_with_a_valid_certificate_is_accepted(tls: Tls) -> None:
    reply = tls.stage.get("right")
    assert (reply.status, reply.body) == (200, b"over TLS")


def test_a_chain_with_two_intermediates_is_accepted(tls: Tls) -> None:
    assert tls.stage.get("deep").status == 200


def test_the_name_is_sent_without_its_port_and_an_address_is_not(tls: Tls) -> None:
    """An address is no name for SNI (RFC 6066 section 3), and the certificate is not for it."""
    tls.stage.get("deep")
    assert set(tls.names["deep"]) == {NAME}
    tls.names["right"].clear()
    tls.stage.get("address")
    assert tls.names["right"] == [None]


@pytest.mark.parametrize(
    "origin", ["stranger", "other-name", "expired", "not-yet", "old", "address", "plain"]
)
def test_an_invalid_certificate_gets_no_request_and_the_user_a_plain_page(tls: Tls, origin: str) -> None:
    reply, line = tls.stage.logged(origin, "refused", options={"filename": "secret-name.txt"})
    assert (reply.status, reply.body) == (502, b"The storage did not deliver the file.\n")
    assert reply.one("Content-Disposition") is None
    assert (line["status"], line["origin_status"], line["why"]) == ("502", "502", "origin_failed")
    if origin != "plain":
        requests = tls.origins["right" if origin == "address" else origin].requests
        assert "/refused" not in {request.target for request in requests}


@pytest.mark.parametrize("origin", ["tls12", "tls13"])
def test_a_session_is_resumed_if_the_origin_closes_each_connection(tls: Tls, origin: str) -> None:
    """Each of the two workers shakes hands in full once."""
    for _ in range(10):
        assert tls.stage.get(origin, "closes").body == b"over TLS"
    resumed = [request.resumed for request in tls.origins[origin].requests]
    assert len(resumed) == 10
    assert 1 <= resumed.count(False) <= 2


def test_the_generated_directive_refuses_old_tls(variant: Variant, tmp_path: Path) -> None:
    """The origin of TLS 1.1 does deliver to an NGINX that is told to speak it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with origin_server(over_tls, tls=old_protocol(authority)) as origin:
        options = origin.tls_options(tmp_path / "ca.pem")

        def speak_it(parts: Parts) -> Parts:
            older = set_everywhere(parts, "proxy_ssl_protocols", "TLSv1.1")
            return set_everywhere(older, "proxy_ssl_ciphers", "ALL:@SECLEVEL=0")

        with stage(tmp_path / "nginx", variant, {"old": options}, change=speak_it) as running:
            assert running.get("old").body == b"over TLS"


def test_the_operators_tls_settings_for_other_servers_do_not_matter(variant: Variant, tmp_path: Path) -> None:
    """A list of revoked certificates is one: NGINX then wants a list of every authority in the chain."""
    authority, key = trustme.CA(), ec.generate_private_key(ec.SECP256R1())
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    now = datetime.now(UTC)
    revoked = x509.CertificateRevocationListBuilder(x509.Name([]), now, now + timedelta(days=1))
    pem = revoked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (tmp_path / "revoked.pem").write_bytes(pem)
    his = (
        directive("proxy_ssl_crl", str(tmp_path / "revoked.pem")),
        directive("proxy_ssl_ciphers", "NULL-SHA256"),
        directive("proxy_ssl_session_reuse", "off"),
        directive("proxy_ssl_verify_depth", 0),
    )
    with origin_server(over_tls, tls=only(authority, ssl.TLSVersion.TLSv1_2)) as origin:
        options = origin.tls_options(tmp_path / "ca.pem")

        def say_it(parts: Parts) -> Parts:
            return replace(parts, engine=(*his, *parts.engine))

        with stage(tmp_path / "nginx", variant, {"store": options}, change=say_it) as running:
            assert running.get("store").body == b"over TLS"


def test_whoever_switches_verification_off_believes_anybody(tls: Tls) -> None:
    assert tls.stage.get("unverified").body == b"over TLS"


def test_no_message_about_the_handshake_has_the_url(tls: Tls) -> None:
    tls.stage.get("expired", "a-secret-key")
    assert "a-secret-key" not in tls.stage.nginx.error_log
