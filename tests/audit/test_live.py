"""Through a real app and a real NGINX, on every variant and HTTP: the exact rows.

The other outcomes are in test_downloads.py, and NGINX's entries of them in tests/live/log.
"""

from __future__ import annotations

from http.client import HTTPSConnection
from typing import Any

import pytest

from tests.audit.live_site import (
    BODY,
    DONE,
    PROXY,
    WHOLE,
    Site,
    downloads,
    part,
    servers,  # noqa: F401
    transfer,
    under_one_protocol,  # noqa: F401
)
from tests.live.front.front_door import SPOKEN
from tests.live.front.transfer import NAME, tls_context

pytestmark = pytest.mark.django_db(transaction=True)


def test_whole(site: Site) -> None:
    assert site.get("x") == BODY
    [row] = site.rows(1)
    assert transfer(row) == WHOLE
    assert (row.subject, row.origin, row.key, row.version) == ("7", "partner", "x", '"v1"')
    assert (row.details["protocol"], row.method, row.ip) == (SPOKEN[site.protocol], "GET", "127.0.0.1")
    assert (row.details["etag"], row.details["framing"]) == ('"v1"', "length")
    assert (row.body_bytes, row.details["sent_length"], row.details["origin_status"]) == (1000, 1000, 200)
    assert downloads() == [DONE]


def test_a_denied_download_has_the_same_address(site: Site, settings: Any) -> None:
    """Both have the one that a trusted proxy names, and a client cannot choose it."""
    settings.XACCEL_AUDIT = {"ADDRESS_HEADER": "X-Real-IP"}
    spoofed = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.8"}
    context = tls_context(site.ca_file, "http/1.1")
    for client in ("127.0.0.1", PROXY):
        connection = HTTPSConnection(NAME, site.port, context=context, source_address=(client, 0), timeout=60)
        try:
            for view, status in (("send", 200), ("deny", 403)):
                connection.request("GET", f"/{view}?key=x&subject=7", headers=spoofed)
                answer = connection.getresponse()
                assert (answer.status, answer.read() == BODY) == (status, status == 200)
        finally:
            connection.close()
    assert [(row.outcome, row.ip) for row in site.rows(2)] == [
        (outcome, ip) for ip in ("127.0.0.1", "203.0.113.9") for outcome in ("sent", "denied")
    ]


def test_resume_in_three_parts(site: Site) -> None:
    bounds = [(0, 100), (100, 700), (700, 1000)]
    got = [site.get("x", Range=f"bytes={first}-{end - 1}") for first, end in bounds]
    assert b"".join(got) == BODY
    rows = site.rows(3)
    assert [transfer(row) for row in rows] == [part(*bound) for bound in bounds]
    assert len({row.download_id for row in rows}) == 1
    assert downloads() == [{**DONE, "transfers": 3}]
