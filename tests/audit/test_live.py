"""Each outcome through a real app and a real NGINX, on every variant and HTTP: the exact rows."""

from __future__ import annotations

from http.client import HTTPSConnection
from typing import Any

import pytest

from tests.audit.live_site import (
    BODY,
    DONE,
    NEVER_SENT,
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


def test_the_address_is_told_by_the_proxy_that_is_trusted_and_by_nobody_else(site: Site) -> None:
    assert site.get("x", X_Forwarded_For="203.0.113.9") == BODY
    context = tls_context(site.ca_file, "http/1.1")
    proxy = HTTPSConnection(NAME, site.port, context=context, source_address=(PROXY, 0), timeout=60)
    try:
        proxy.request("GET", "/send?key=x&subject=7", headers={"X-Forwarded-For": "203.0.113.9"})
        assert proxy.getresponse().read() == BODY
    finally:
        proxy.close()
    assert [row.ip for row in site.rows(2)] == ["127.0.0.1", "203.0.113.9"]


def test_a_denied_download_has_the_same_address(site: Site, settings: Any) -> None:
    settings.XACCEL_AUDIT = {"ADDRESS_HEADER": "X-Real-IP"}
    spoofed = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.8"}
    context = tls_context(site.ca_file, "http/1.1")
    for client in ("127.0.0.1", PROXY):
        connection = HTTPSConnection(NAME, site.port, context=context, source_address=(client, 0), timeout=60)
        try:
            connection.request("GET", "/deny?key=x", headers=spoofed)
            assert connection.getresponse().status == 403
        finally:
            connection.close()
    assert [row.ip for row in site.rows(0)] == ["127.0.0.1", "203.0.113.9"]


def test_resume_in_three_parts(site: Site) -> None:
    bounds = [(0, 100), (100, 700), (700, 1000)]
    got = [site.get("x", Range=f"bytes={first}-{end - 1}") for first, end in bounds]
    assert b"".join(got) == BODY
    rows = site.rows(3)
    assert [transfer(row) for row in rows] == [part(*bound) for bound in bounds]
    assert len({row.download_id for row in rows}) == 1
    assert downloads() == [{**DONE, "transfers": 3}]


NONE: list[dict[str, Any]] = []


@pytest.mark.parametrize(
    ("key", "asked", "row", "made"),
    [
        pytest.param("x", {"method": "HEAD"}, {"outcome": "headers", "sent": 0}, NONE, id="HEAD"),
        pytest.param(
            "x",
            {"If_None_Match": '"v1"'},
            {"outcome": "not_modified", "status": 304, "first": None, "sent": 0, "total": None},
            NONE,
            id="304",
        ),
        pytest.param(
            "moved",
            {},
            {
                "outcome": "refused",
                "status": 502,
                "first": None,
                "sent": 0,
                "total": None,
                "why": "redirect_refused",
            },
            NONE,
            id="refused redirect",
        ),
        pytest.param(
            "cut",
            {},
            {"outcome": "incomplete", "sent": 300, "why": "origin_cut"},
            [
                {
                    **DONE,
                    "key": "cut",
                    "sent_bytes": 300,
                    "given_bytes": 300,
                    "spans": [[0, 300]],
                    "sent_complete": False,
                }
            ],
            id="origin truncation",
        ),
    ],
)
def test_single(
    site: Site, key: str, asked: dict[str, str], row: dict[str, Any], made: list[dict[str, Any]]
) -> None:
    site.get(key, **asked)
    [found] = site.rows(1)
    assert transfer(found) == {**WHOLE, **row}
    assert downloads() == made


def test_denied(site: Site) -> None:
    """It never comes to NGINX's line: the row is the app's alone, and there is no download."""
    lines = len(site.nginx.lines())
    with site.begin("x", view="deny") as transfer_:
        answer = transfer_.until_end()
    assert (answer.status, BODY in answer.body) == (403, False)
    site.get("y")
    assert len(site.nginx.lines(lines + 1, timeout_s=60)) == lines + 1
    denied, sent = site.rows(1)
    assert transfer(denied) == {**dict.fromkeys(WHOLE), **NEVER_SENT, "outcome": "denied"}
    assert (denied.reason, denied.origin, denied.key, denied.method) == ("no grant", "partner", "x", "GET")
    assert (denied.ended_at, denied.body_bytes, denied.download_id) == (None, None, None)
    assert transfer(sent) == WHOLE
    assert downloads() == [{**DONE, "key": "y"}]


def test_too_many_at_once(site: Site) -> None:
    with site.begin("big", subject="busy") as one, site.begin("big", subject="busy") as two:
        one.until_bytes(1)
        two.until_bytes(1)
        with site.begin("x", subject="busy") as third:
            assert third.until_end().status == 429
        [limited] = [row for row in site.rows(1) if row.outcome != "granted"]
    nothing = {"first": None, "sent": 0, "total": None}
    assert transfer(limited) == {**WHOLE, **nothing, "outcome": "refused", "status": 429, "why": "limited"}
    assert (limited.key, limited.subject, limited.reason) == ("x", "busy", "")
    assert limited.download_id is None
    assert not {"origin_status", "cache"} & limited.details.keys()
    assert limited.body_bytes == limited.details["sent_length"] == len(third.body) > 0
    assert downloads() == []
    site.rows(3)
    assert [row["sent_complete"] for row in downloads()] == [False]
