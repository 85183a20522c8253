"""A site of the audit's live tests: a real NGINX, a real app and an origin, under each HTTP, and its rows."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from tests.audit.conftest import Log, take
from tests.audit.ingester import ROOT
from tests.live.conftest import build_of
from tests.live.front.front_door import CLIENTS, certify, has_quic, listening
from tests.live.front.transfer import Asked, Transfer
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.audit.models import Download
from xaccel.audit.models import Transfer as Row
from xaccel.site import read_mapping
from xaccel.tools.nginx import render, standalone
from xaccel.tools.nginx.emit import directive
from xaccel_testing import NginxServer, Variant, app_server, free_port, nginx_server
from xaccel_testing.servers.processes import wait_until

BODY = bytes(range(250)) * 4
BIG = 1 << 30
"""No client reads all of it, and no kernel takes it in."""
SNDBUF = 64 * 1024
PROXY = "127.0.0.2"
"""The address that NGINX trusts with X-Forwarded-For; clients come from 127.0.0.1."""
SECRET = "audit-0123456789-abcdefghijklmnopqrstuvwxyz"


@dataclass
class Hold:
    """An answer of "held": when the origin was asked, and when it was let go."""

    asked: Event = field(default_factory=Event)
    let_go: Event = field(default_factory=Event)
    between: tuple[float, float] = (0.0, 0.0)

    def answer(self, headers: list[tuple[str, str]]) -> Answer:
        asked = time.time()
        self.asked.set()
        assert self.let_go.wait(60)
        self.between = asked, time.time()
        return Answer(headers=headers, body=BODY)


HOLDS = dict[str, Hold]()


def stored(request: Request) -> Answer:
    """The origin."""
    name = request.target.partition("?")[0].rpartition("/")[2]
    headers = [("ETag", '"v1"'), ("Content-Type", "application/octet-stream"), ("Accept-Ranges", "bytes")]
    if name in HOLDS:
        return HOLDS[name].answer(headers)
    if name == "big":
        blocks = (bytes(65536) for _ in range(BIG // 65536))
        return Answer(headers=[*headers, ("Content-Length", str(BIG))], body=blocks)
    asked = request.header("Range")
    if asked is None:
        return Answer(headers=headers, body=BODY)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    end = min(int(last) + 1, len(BODY)) if last else len(BODY)
    part = BODY[int(first) : end]
    headers.append(("Content-Range", f"bytes {first}-{end - 1}/{len(BODY)}"))
    return Answer(status=206, headers=headers, body=part)


def app(request: Request) -> Answer:
    """Django with its middleware and the recorder, asked as NGINX asks it."""
    headers = {name: value for name, value in request.headers if name.lower() != "content-length"}
    try:
        answer = Client().generic(request.method, request.target, headers=headers)
        return Answer(status=answer.status_code, headers=list(answer.items()), body=answer.content)
    finally:
        connection.close()


@dataclass
class Site:
    """A site under one protocol, and its rows. Behind `narrow_port` NGINX has a send buffer of SNDBUF bytes."""

    nginx: NginxServer
    ca_file: Path
    port: int
    narrow_port: int
    protocol: str = ""

    def begin(
        self,
        key: str,
        method: str = "GET",
        *,
        subject: str = "7",
        view: str = "send",
        connection: Any = None,
        **headers: str,
    ) -> Transfer:
        """One transfer, on a connection of its own unless it is given."""
        query = urlencode({"key": key, "subject": subject})
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return (connection or self.connect()).send(
            Asked(f"/{view}?{query}", method, (("User-Agent", "live"), *named))
        )

    def connect(self) -> Any:
        return CLIENTS[self.protocol](self.port, self.ca_file)

    def get(self, key: str, method: str = "GET", **more: str) -> bytes:
        with self.begin(key, method, **more) as transfer:
            return transfer.until_end().body

    def rows(self, count: int) -> list[Any]:
        """The transfers, oldest first, once the lines of `count` have come and were taken in.

        A line without a decision is an earlier test's.
        """
        assert wait_until(lambda: len(self._lines()) >= count, timeout_s=60), self._lines()
        counted = take(Log(self.nginx.directory / "xaccel.log"))
        assert (counted["rejected"], counted["lost"]) == (0, 0)
        return list(Row.objects.filter(decided_at__isnull=False).order_by("id"))

    def _lines(self) -> list[UUID]:
        ours = set(Row.objects.filter(decided_at__isnull=False).values_list("id", flat=True))
        return [id_ for line in self.nginx.lines() if (id_ := UUID(line["id"])) in ours]


@pytest.fixture(scope="module", name="running")
def servers(
    variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, dict[str, Any]]]:
    with of_its_own(variant, tmp_path_factory.mktemp(f"audit-{variant.name}")) as running:
        yield running


@contextmanager
def of_its_own(
    variant: Variant, folder: Path, *, worker: str = "root", **more: Any
) -> Iterator[tuple[Site, dict[str, Any]]]:
    """A site that no other test uses, and its settings, with some `more` of them.

    worker: the user of NGINX's workers, where the master runs as root.
    """
    with (
        behind(**more) as (settings, address),
        in_front(variant, folder, settings, address, worker=worker) as site,
    ):
        yield site, settings


@contextmanager
def behind(**more: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Run the origin and the app; yield the settings of the site, with some `more`, and the app's address."""
    with origin_server(stored) as origin, origin_server(app) as django:
        yield {**_settings(origin), **more}, django.address


@contextmanager
def in_front(
    variant: Variant, folder: Path, settings: dict[str, Any], address: str, *, worker: str = "root"
) -> Iterator[Site]:
    """Run an NGINX in front of the app at `address`."""
    ca_file, plain, port, narrow_port = certify(folder), free_port(), free_port(), free_port()
    site, build = read_mapping.read(settings), build_of(variant)
    parts = render(site, build)
    doors = (
        *listening(port, folder, quic=has_quic(variant.binary)),
        directive("listen", f"127.0.0.1:{narrow_port}", "ssl", f"sndbuf={SNDBUF}"),
        directive("set_real_ip_from", PROXY),
        directive("real_ip_header", "X-Forwarded-For"),
    )
    text = standalone(
        site,
        build,
        listen=f"127.0.0.1:{plain}",
        app=address,
        root_user=worker if os.geteuid() == 0 else None,
        parts=replace(parts, server=(*doors, *parts.server)),
    )
    with nginx_server(folder, text, binary=variant.binary, ready_port=plain) as nginx:
        yield Site(nginx, ca_file, port, narrow_port)


def _settings(origin: Origin) -> dict[str, Any]:
    return {
        "SECRET": SECRET,
        "ORIGINS": {"partner": {"type": "http", "base_url": f"{origin.url}/files/"}},
    }


@pytest.fixture(params=["h1", "h2"], name="site")
def under_one_protocol(request: pytest.FixtureRequest, running: Any, settings: Any) -> Site:
    found, settings.XACCEL = running
    return replace(found, protocol=request.param)


def downloads() -> list[dict[str, Any]]:
    names = "key version transfers total sent_bytes given_bytes spans sent_complete".split()
    return list(Download.objects.order_by("id").values(*names))


def transfer(row: Any) -> dict[str, Any]:
    names = "outcome status first sent total exact asked_range content_range completion why".split()
    without = {"exact": True, "asked_range": "", "content_range": "", "completion": ""}
    return {
        name: row.details.get(name, without[name]) if name in without else getattr(row, name)
        for name in names
    }


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
DONE = {
    "key": "x",
    "version": '"v1"',
    "transfers": 1,
    "total": 1000,
    "sent_bytes": 1000,
    "given_bytes": 1000,
    "spans": [[0, 1000]],
    "sent_complete": True,
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


@contextmanager
def in_processes(
    folder: Path, variant: Variant, settings: dict[str, Any], **server: int
) -> Iterator[NginxServer]:
    """Run the app under gunicorn, on the database of the test, and NGINX in front of it. server: workers, threads."""
    env = {
        "AUDIT_SITE": json.dumps(settings),
        "AUDIT_DATABASE_NAME": str(connection.settings_dict["NAME"]),
        "PYTHONPATH": str(ROOT),
        # the second worker need not import everything again
        "GUNICORN_CMD_ARGS": "--preload",
    }
    (folder / "app").mkdir()
    with app_server(folder / "app", "tests.audit.wsgi:application", env=env, cwd=ROOT, **server) as app:
        port = free_port()
        text = standalone(
            read_mapping.read(settings),
            build_of(variant),
            listen=f"127.0.0.1:{port}",
            app=app.address,
            root_user="root" if os.geteuid() == 0 else None,
        )
        with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
            yield nginx
