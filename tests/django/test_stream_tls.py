"""DELIVERY = "stream" over TLS: the origin is verified as NGINX verifies it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from tests.django.origin_server import BODY, OriginServer, origin_server
from xaccel.django import send_file

trustme = pytest.importorskip("trustme", reason="trustme is not installed: TLS is tested where it is")

pytestmark = pytest.mark.django_db


@pytest.fixture
def authority(tmp_path: Path) -> Any:
    """An authority that no system knows; its certificate is the file ca.pem."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@pytest.fixture
def origin(authority: Any) -> Iterator[OriginServer]:
    """A server that is files.example."""
    with origin_server(_context(authority)) as server:
        yield server


def _context(authority: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("files.example").configure_cert(context)
    return context


def status_and_body(
    site: Any, origin: OriginServer, base: str = "https://files.example/", **options: Any
) -> Any:
    """What a view answers when the origin is this server."""
    server = {"base_url": base, "connect_to": [f"127.0.0.1:{origin.server_address[1]}"], **options}
    site(DELIVERY="stream", ORIGINS={"partner": {"type": "http", **server}})
    response = send_file(RequestFactory().get("/"), "r.pdf")
    body = b"".join(response) if response.streaming else response.content
    response.close()
    return response.status_code, body


def test_certificate_of_a_known_authority_is_accepted(
    site: Any, origin: OriginServer, tmp_path: Path
) -> None:
    assert status_and_body(site, origin, ca_file=str(tmp_path / "ca.pem")) == (200, BODY)


def test_certificate_of_an_unknown_authority_is_502(site: Any, origin: OriginServer) -> None:
    assert status_and_body(site, origin)[0] == 502
    assert origin.asked == []
