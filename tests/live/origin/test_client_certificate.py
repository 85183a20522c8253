"""A storage that asks for a client certificate gets the origin's own, and no other origin shows it."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from tests.live.conftest import fine
from tests.live.front.guest import operators_text
from tests.live.stage import stage
from tests.servers.origin import origin_server
from xaccel_testing import Variant


def test_a_client_certificate_is_sent_to_its_origin_only(variant: Variant, tmp_path: Path) -> None:
    """And nowhere else, though the operator shows one to all his servers."""
    authority = trustme.CA()
    client = authority.issue_cert("nginx.client.test")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    client.cert_chain_pems[0].write_to_path(str(certificate))
    client.private_key_pem.write_to_path(str(key))

    def ask_for_certificate(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)

    (tmp_path / "tls").mkdir()
    http = f"proxy_ssl_certificate {certificate}; proxy_ssl_certificate_key {key};"
    with origin_server(fine, tls_directory=tmp_path / "tls", prepare_tls=ask_for_certificate) as origin:
        common, own = origin.tls_options(), {"client_certificate": str(certificate), "client_key": str(key)}
        origins, text = {"shows": common | own, "does-not": common}, operators_text(variant, http=http)
        with stage(tmp_path / "nginx", variant, origins, write=text) as running:
            assert [running.get(name).status for name in origins] == [200, 502]
            assert len(origin.requests) == 1
