"""Each outcome through a real app and a real NGINX, on every variant and HTTP: the exact rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from http.client import HTTPSConnection
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from portal.demo.sample_files import clock
from tests.audit.conftest import Log, take
from tests.live.front_door import CLIENTS, SPOKEN, certify, listening
from tests.live.transfer import NAME, Asked, Transfer, tls_context
from xaccel.nginx.emit import directive
from xaccel.testing import (
    Answer,
    NginxServer,
    Origin,
    Request,
    Variant,
    free_port,
    nginx_server,
    origin_server,
)
from xaccel.testing.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BODY = bytes(range(250)) * 4
BIG = 64 * 1024 * 1024
PROXY = "127.0.0.2"
"""The address that NGINX trusts with X-Forwarded-For; clients come from 127.0.0.1."""
SECRET = "audit-0123456789-abcdefghijklmnopqrstuvwxyz"


def stored(request: Request) -> Answer:  # noqa: PLR0911
    """The origin."""
    name = request.target.partition("?")[0].rpartition("/")[2]
    kind = "video/webm" if name == "clock.webm" else "application/octet-stream"
    headers = [("ETag", '"v1"'), ("Content-Type", kind), ("Accept-Ranges", "bytes")]
    if name == "empty":
        return Answer(headers=headers)
    if name == "moved":
        return Answer(status=302, headers=[("Location", "http://169.254.169.254/x")])
    if name == "cut":
        return Answer(headers=[*headers, ("Content-Length", "1000")], body=iter([BODY[:300]]), close=True)
    if name == "big":
        blocks = (bytes(65536) for _ in range(BIG // 65536))
        return Answer(headers=[*headers, ("Content-Length", str(BIG))], body=blocks)
    if request.header("If-None-Match") == '"v1"':
        return Answer(status=304, headers=headers)
    body = video() if name == "clock.webm" else BODY
    asked = request.header("Range")
    if asked is None:
        return Answer(headers=headers, body=body)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    end = min(int(last) + 1, len(body)) if last else len(body)
    part = ("Content-Range", f"bytes {first}-{end - 1}/{len(body)}")
    return Answer(status=206, headers=[*headers, part], body=body[int(first) : end])


@cache
def video() -> bytes:
    """Two minutes, of which a browser fetches parts."""
    return b"".join(clock.blocks())


def app(request: Request) -> Answer:
    """Django with its middleware and the recorder, asked as NGINX asks it."""
    from django.db import connection
    from django.test import Client

    headers = {name: value for name, value in request.headers if name.lower() != "content-length"}
    try:
        answer = Client().generic(request.method, request.target, headers=headers)
        return Answer(status=answer.status_code, headers=list(answer.items()), body=answer.content)
    finally:
        connection.close()


@dataclass
class Site:
    """A site under one protocol, and its rows."""

    nginx: NginxServer
    protocol: str
    port: int
    ca_file: Path

    def begin(
        self,
        key: str,
        method: str = "GET",
        subject: str = "7",
        kept: str = "",
        view: str = "send",
        **headers: str,
    ) -> Transfer:
        """One transfer on a connection of its own; with `kept` of the origin with a cache, as this version."""
        asked = {"key": key, "subject": subject, **({"origin": "kept", "identity": kept} if kept else {})}
        query = urlencode(asked)
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        connection = CLIENTS[self.protocol](self.port, self.ca_file)
        return connection.send(Asked(f"/{view}?{query}", method, (("User-Agent", "live"), *named)))

    def get(self, key: str, method: str = "GET", **more: str) -> bytes:
        with self.begin(key, method, **more) as transfer:
            return transfer.until_end().body

    def rows(self, count: int) -> list[Any]:
        """The transfers, oldest first, once the lines of `count` have come and were taken in."""
        from xaccel.audit.models import Transfer as Row

        assert wait_until(lambda: len(self._lines()) >= count, timeout_s=10), self._lines()
        counted = take(Log(self.nginx.directory / "xaccel.log"))
        assert (counted.garbage, counted.lost) == (0, 0)
        # a line without a decision is an earlier test's
        return list(Row.objects.filter(decided_at__isnull=False).order_by("id"))

    def _lines(self) -> list[UUID]:
        from xaccel.audit.models import Transfer as Row

        ours = set(Row.objects.values_list("id", flat=True))
        return [id_ for line in self.nginx.lines() if (id_ := UUID(line["id"])) in ours]


@pytest.fixture(scope="module")
def running(
    variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[NginxServer, Path, int, dict[str, Any]]]:
    from tests.live.conftest import build_of
    from xaccel import site_mapping
    from xaccel.nginx import render, standalone

    folder = tmp_path_factory.mktemp(f"audit-{variant.name}")
    ca_file, plain, port = certify(folder), free_port(), free_port()
    with origin_server(stored) as origin, origin_server(app) as django:
        settings = _settings(origin)
        site, build = site_mapping.read(settings), build_of(variant)
        parts = render(site, build)
        doors = (
            *listening(port, folder, quic=False),
            directive("set_real_ip_from", PROXY),
            directive("real_ip_header", "X-Forwarded-For"),
        )
        text = standalone(
            site,
            build,
            listen=f"127.0.0.1:{plain}",
            app=django.address,
            root_user="root" if os.geteuid() == 0 else None,
            parts=replace(parts, server=(*doors, *parts.server)),
        )
        with nginx_server(folder, text, binary=variant.binary, ready_port=plain) as nginx:
            yield nginx, ca_file, port, settings


def _settings(origin: Origin) -> dict[str, Any]:
    partner: dict[str, Any] = {
        "BACKEND": "xaccel.HTTPOrigin",
        "OPTIONS": {"base_url": f"{origin.url}/files/"},
    }
    return {
        "SECRET": SECRET,
        "ORIGINS": {
            "partner": partner,
            "kept": {**partner, "OPTIONS": {**partner["OPTIONS"], "cache": True}},
        },
        "CACHE": {"path": "cache", "max_size": "16m", "slice": "0"},
        "CONCURRENCY": {"default": 2},
    }


@pytest.fixture(params=["h1", "h2"])
def site(request: pytest.FixtureRequest, running: Any, settings: Any) -> Site:
    nginx, ca_file, port, mapping = running
    settings.XACCEL = mapping
    return Site(nginx, request.param, port, ca_file)


def downloads() -> list[dict[str, Any]]:
    from xaccel.audit.models import Download

    names = "key version transfers total sent_bytes given_bytes spans sent_complete mixed".split()
    return list(Download.objects.order_by("id").values(*names))


def transfer(row: Any) -> dict[str, Any]:
    names = "outcome status first sent total exact asked_range content_range completion why".split()
    return {name: getattr(row, name) for name in names}


WHOLE = {
    "outcome": "sent",
    "status": 200,
    "first": 0,
    "sent": 1000,
    "total": 1000,
    "exact": True,
    "asked_range": "",
    "content_range": "",
    "completion": "OK",
    "why": "",
}
NEVER_SENT = {"asked_range": "", "content_range": "", "completion": "", "why": ""}
DONE = {
    "key": "x",
    "version": '"v1"',
    "transfers": 1,
    "total": 1000,
    "sent_bytes": 1000,
    "given_bytes": 1000,
    "spans": [[0, 1000]],
    "sent_complete": True,
    "mixed": False,
}


def part(first: int, end: int) -> dict[str, Any]:
    return {
        **WHOLE,
        "status": 206,
        "first": first,
        "sent": end - first,
        "asked_range": f"bytes={first}-{end - 1}",
        "content_range": f"bytes {first}-{end - 1}/1000",
    }


def test_whole(site: Site) -> None:
    assert site.get("x") == BODY
    [row] = site.rows(1)
    assert transfer(row) == WHOLE
    assert (row.subject, row.origin, row.key, row.version, row.etag) == ("7", "partner", "x", '"v1"', '"v1"')
    assert (row.protocol, row.method, row.ip, row.framing) == (
        SPOKEN[site.protocol],
        "GET",
        "127.0.0.1",
        "length",
    )
    assert (row.body_bytes, row.sent_length, row.origin_status) == (1000, 1000, 200)
    assert row.decided_at <= row.ended_at
    assert not row.line_first
    assert downloads() == [DONE]


def test_the_address_is_told_by_the_proxy_that_is_trusted_and_by_nobody_else(site: Site) -> None:
    assert site.get("x", X_Forwarded_For="203.0.113.9") == BODY
    context = tls_context(site.ca_file, "http/1.1")
    proxy = HTTPSConnection(NAME, site.port, context=context, source_address=(PROXY, 0), timeout=10)
    try:
        proxy.request("GET", "/send?key=x&subject=7", headers={"X-Forwarded-For": "203.0.113.9"})
        assert proxy.getresponse().read() == BODY
    finally:
        proxy.close()
    assert [row.ip for row in site.rows(2)] == ["127.0.0.1", "203.0.113.9"]


def test_resume_in_three_parts(site: Site) -> None:
    bounds = [(0, 100), (100, 700), (700, 1000)]
    got = [site.get("x", Range=f"bytes={first}-{end - 1}") for first, end in bounds]
    assert b"".join(got) == BODY
    rows = site.rows(3)
    assert [transfer(row) for row in rows] == [part(*bound) for bound in bounds]
    assert len({row.download_id for row in rows}) == 1
    assert downloads() == [{**DONE, "transfers": 3}]


def test_parallel_ranges(site: Site) -> None:
    bounds = [(0, 600), (500, 1000)]
    with ThreadPoolExecutor() as pool:
        got = list(pool.map(lambda bound: site.get("x", Range=f"bytes={bound[0]}-{bound[1] - 1}"), bounds))
    assert got == [BODY[first:end] for first, end in bounds]
    rows = sorted(site.rows(2), key=lambda row: row.first)
    assert [transfer(row) for row in rows] == [part(*bound) for bound in bounds]
    assert downloads() == [{**DONE, "transfers": 2, "given_bytes": 1100}]


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
            "empty",
            {},
            {"sent": 0, "total": 0},
            [{**DONE, "key": "empty", "total": 0, "sent_bytes": 0, "given_bytes": 0, "spans": []}],
            id="empty file",
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
    assert len(site.nginx.lines(lines + 1, timeout_s=10)) == lines + 1
    denied, sent = site.rows(1)
    assert transfer(denied) == {**dict.fromkeys(WHOLE), **NEVER_SENT, "outcome": "denied"}
    assert (denied.reason, denied.origin, denied.key, denied.method) == ("no grant", "partner", "x", "GET")
    assert (denied.ended_at, denied.body_bytes, denied.download_id) == (None, None, None)
    assert transfer(sent) == WHOLE
    assert downloads() == [{**DONE, "key": "y"}]


def test_cache_hit(site: Site) -> None:
    """The second and third are sent without the origin, and are rows like others; a new start is a new download."""
    version = token_hex(8)
    assert site.get("x", kept=version) == BODY
    assert site.get("x", kept=version) == BODY
    assert site.get("x", kept=version, Range="bytes=100-199") == BODY[100:200]
    rows = site.rows(3)
    assert [transfer(row) for row in rows] == [WHOLE, WHOLE, part(100, 200)]
    assert [(row.cache, row.origin_status) for row in rows] == [("MISS", 200), ("HIT", None), ("HIT", None)]
    assert {(row.origin, row.version, row.etag) for row in rows} == {("kept", version, '"v1"')}
    assert downloads() == [
        {**DONE, "version": version},
        {**DONE, "version": version, "transfers": 2, "given_bytes": 1100},
    ]


def test_too_many_at_once(site: Site) -> None:
    with site.begin("big", subject="busy") as one, site.begin("big", subject="busy") as two:
        one.until_bytes(1)
        two.until_bytes(1)
        with site.begin("x", subject="busy") as third:
            assert third.until_head().status == 429
        [limited] = [row for row in site.rows(1) if row.outcome != "granted"]
    assert (limited.outcome, limited.status, limited.why) == ("refused", 429, "limited")
    assert (limited.origin_status, limited.download_id) == (None, None)
    assert downloads() == []
    site.rows(3)
    assert [row["sent_complete"] for row in downloads()] == [False]


def most_in_between(protocol: str) -> int:
    """Bytes that NGINX has given to the connection and the client has not read."""
    if protocol == "h2":
        return 65_535  # the client's window (RFC 9113 section 6.9.2), which it opens as it reads
    kernel = Path("/proc/sys/net/ipv4")
    return sum(int((kernel / name).read_text().split()[2]) for name in ("tcp_wmem", "tcp_rmem"))


@pytest.mark.parametrize("how", ["abort", "close"])
def test_client_goes_away(site: Site, how: str) -> None:
    with site.begin("big") as transfer_:
        transfer_.until_bytes(1_000_000)
        with suppress(OSError):
            getattr(transfer_, how)()
        read = len(transfer_.body)
    [row] = site.rows(1)
    assert (row.outcome, row.status, row.first, row.total) == ("incomplete", 200, 0, BIG)
    assert read <= row.sent <= read + most_in_between(site.protocol)
    [made] = downloads()
    assert (made["sent_complete"], made["sent_bytes"], made["spans"]) == (False, row.sent, [[0, row.sent]])
