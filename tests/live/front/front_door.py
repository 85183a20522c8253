"""One NGINX that serves every HTTP version: plain, TLS with HTTP/1.1 and HTTP/2, and QUIC where it is built in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import USUAL
from tests.live.client import Reply, send_target
from tests.live.conftest import Live, Places, config_text
from tests.live.front.h1_client import H1Connection
from tests.live.front.h2_client import H2Connection
from tests.live.front.h3_client import H3Connection
from tests.live.front.table import CUT, NOTHING, WHOLE
from tests.live.front.transfer import NAME, Asked, Transfer, pairs
from tests.live.stage import line_where
from xaccel.tools.nginx import Directive
from xaccel.tools.nginx.emit import directive
from xaccel_testing import AppServer, Variant, free_port, nginx_server

CLIENTS = {"h1": H1Connection, "h2": H2Connection, "h3": H3Connection}
SPOKEN = {"h1": "HTTP/1.1", "h2": "HTTP/2.0", "h3": "HTTP/3.0"}
"""How NGINX calls them in the line."""
BUILDS = {"deb": ("h1", "h2", "h3"), "wheel": ("h1", "h2")}
PAIRS = [
    (f"{build}{more}", protocol)
    for build, spoken in BUILDS.items()
    for more in ("", "-njs")
    for protocol in spoken
]
"""Each variant with what it speaks; test_a_build_speaks_what_it_is_built_for holds the table to the builds."""


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """The NGINX behind it, and where it speaks TLS and QUIC."""

    live: Live
    port: int
    ca_file: Path

    def connect(self, protocol: str) -> H1Connection | H2Connection | H3Connection:
        return CLIENTS[protocol](self.port, self.ca_file)

    @contextmanager
    def transfer(self, protocol: str, asked: Asked) -> Iterator[Transfer]:
        """One transfer on a connection of its own."""
        connection = self.connect(protocol)
        try:
            yield connection.send(asked)
        finally:
            connection.close()

    def ask(
        self,
        protocol: str,
        target: str,
        method: str = "GET",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Reply:
        """As tests.live.client.ask."""
        with self.transfer(protocol, Asked(target, method, pairs(headers), body)) as transfer:
            return transfer.reply()


def has_quic(binary: str) -> bool:
    answer = subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stderr
    return "--with-http_v3_module" in answer


def listening(port: int, folder: Path, *, quic: bool) -> tuple[Directive, ...]:
    """The directives of a server that speaks all of them on one port.

    Without `reuseport` the packets of one QUIC connection go to any worker, and are lost there.
    """
    return (
        directive("listen", f"127.0.0.1:{port}", "ssl"),
        directive("http2", "on"),
        *([directive("listen", f"127.0.0.1:{port}", "quic", "reuseport")] if quic else []),
        directive("ssl_certificate", str(folder / "door.pem")),
        directive("ssl_certificate_key", str(folder / "door.key")),
    )


def certify(folder: Path) -> Path:
    """Write door.pem and door.key; returns the authority's certificate."""
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME)
    certificate.private_key_pem.write_to_path(str(folder / "door.key"))
    for part in certificate.cert_chain_pems:
        part.write_to_path(str(folder / "door.pem"), append=True)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder / "ca.pem"


@pytest.fixture(scope="session")
def door(
    variant: Variant, places: Places, app: AppServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontDoor]:
    folder = tmp_path_factory.mktemp(f"door-{variant.name}")
    ca_file, plain, port = certify(folder), free_port(), free_port()
    extra = listening(port, folder, quic=has_quic(variant.binary))
    text = config_text(places.site, variant, app.address, plain, extra_server=extra)
    with nginx_server(folder, text, binary=variant.binary, ready_port=plain) as nginx:
        yield FrontDoor(Live(variant, nginx, places, app), port, ca_file)


everywhere = pytest.mark.parametrize(("variant", "protocol"), PAIRS, indirect=["variant"], scope="session")
on_usual_builds = pytest.mark.parametrize(
    ("variant", "protocol"),
    [pair for pair in PAIRS if pair[0] in USUAL],
    indirect=["variant"],
    scope="session",
)
"""For what njs does not change."""


def hand_off(subject: str = "", key: str = "x", origin: str = "partner", **options: Any) -> str:
    return send_target({"origin": origin, "key": key, "options": {"subject": subject, **options}})


def one_line(door: FrontDoor, subject: str, protocol: str) -> dict[str, Any]:
    line = line_where(door.live.nginx, "subject", subject)
    assert line["protocol"] == SPOKEN[protocol]
    return line


def ending(transfer: Transfer) -> str:
    """What a client knows of the end, from nothing but the protocol."""
    transfer.until_end()
    if transfer.complete:
        return WHOLE
    return NOTHING if transfer.status is None else CUT
