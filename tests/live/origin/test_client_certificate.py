"""A storage that asks for a client certificate gets the origin's own, and no other origin shows it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

from tests.live.client import ask, send_target
from tests.live.conftest import Places, config_text, fine
from tests.servers.origin import origin_server
from xaccel.nginx.emit import directive
from xaccel.site.origins import HTTPOrigin
from xaccel_testing import AppServer, Variant, free_port, nginx_server


def test_a_client_certificate_is_sent_to_its_origin_only(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    """And nowhere else, though the operator shows one to all his servers."""
    import trustme

    authority = trustme.CA()
    client = authority.issue_cert("nginx.client.test")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    client.cert_chain_pems[0].write_to_path(str(certificate))
    client.private_key_pem.write_to_path(str(key))

    def ask_for_certificate(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)

    (tmp_path / "tls").mkdir()
    with origin_server(fine, tls_directory=tmp_path / "tls", prepare_tls=ask_for_certificate) as origin:
        common = {
            "base_url": f"https://origin.test:{origin.port}/",
            "connect_to": (origin.address,),
            "ca_file": str(origin.ca_file),
        }
        shows = HTTPOrigin(**common, client_certificate=str(certificate), client_key=str(key))
        site = replace(places.site, origins={"tls": shows, "tls-wrong-name": HTTPOrigin(**common)})
        port = free_port()
        text = config_text(
            site,
            variant,
            app.address,
            port,
            extra_http=(
                directive("proxy_ssl_certificate", str(certificate)),
                directive("proxy_ssl_certificate_key", str(key)),
            ),
        )
        with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port):
            for name, status in (("tls", 200), ("tls-wrong-name", 502)):
                asked = {
                    "origin": name,
                    "key": "x",
                    "put": {"Xaccel-Url": f"https://origin.test:{origin.port}/x"},
                }
                assert ask(port, send_target(asked)).status == status
            assert len(origin.requests) == 1
