"""Limited uses on a real NGINX with a real app server behind it: the last one goes once, whatever people do."""

from __future__ import annotations

import http.client
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.audit.conftest import Log, allowance, swept, take, used
from tests.audit.ingester import process
from tests.audit.live_site import BODY, in_processes, stored
from tests.live.client import Reply
from tests.servers.origin import origin_server
from xaccel.audit.models import Transfer
from xaccel.audit.share_links.reserve import SHARE_COOKIE
from xaccel_testing import NginxServer, Variant
from xaccel_testing.servers.processes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.variants("deb"),
]

SECRET = "reserve-0123456789-abcdefghijklmnopqrstuvwxyz"
IDLE_S = 0.05


@dataclass
class Person:
    """A browser: it keeps the cookie that it was given."""

    port: int
    cookie: str = ""

    def get(self, of: Any, key: str = "x", *, read: int | None = None, **headers: str) -> Reply:
        """Ask for the file; with `read` the connection is closed after so many bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.cookie:
                sent["Cookie"] = f"{SHARE_COOKIE}={self.cookie}"
            connection.request("GET", f"/share?allowance={of.pk}&key={key}", headers=sent)
            answer = connection.getresponse()
            given = answer.getheader("Set-Cookie", "")
            if given.startswith(f"{SHARE_COOKIE}="):
                self.cookie = given.partition("=")[2].partition(";")[0]
            return Reply(answer.status, tuple(answer.getheaders()), answer.read(read))
        finally:
            connection.close()


@dataclass
class Links:
    """A site whose files are behind share links."""

    nginx: NginxServer

    def person(self) -> Person:
        return Person(self.nginx.port)

    def take_in(self, count: int) -> None:
        """Wait for the lines of `count` transfers of this test, take them in, and let time pass."""

        def arrived() -> bool:
            # The log has the lines of earlier tests too, whose rows have no decision once they were taken in.
            decided = Transfer.objects.filter(decided_at__isnull=False)
            ours = {str(id_) for id_ in decided.values_list("id", flat=True)}
            return sum(line["id"] in ours for line in self.nginx.lines()) >= count

        assert wait_until(arrived, timeout_s=60)
        take(Log(self.nginx.directory / "xaccel.log"))
        swept(datetime.now(UTC) + timedelta(hours=1))


@pytest.fixture(scope="module")
def links(
    variant: Variant, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Links]:
    folder = tmp_path_factory.mktemp(f"links-{variant.name}")
    with origin_server(stored) as origin:
        partner = {"type": "http", "base_url": f"{origin.url}/files/"}
        settings = {"SECRET": SECRET, "ORIGINS": {"partner": partner}}
        with in_processes(folder, variant, settings, workers=2, threads=12) as nginx:
            yield Links(nginx)


def outcomes() -> Counter[str]:
    return Counter(Transfer.objects.filter(decided_at__isnull=False).values_list("outcome", flat=True))


AT_ONCE = 200


def test_of_many_first_requests_at_once_exactly_one_gets_the_file(links: Links) -> None:
    one = allowance()
    request = f"GET /share?allowance={one.pk}&key=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    got = []
    with ExitStack() as stack:
        address = ("127.0.0.1", links.nginx.port)
        connections = [
            stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(AT_ONCE)
        ]
        for connection in connections:
            connection.sendall(request.encode())
        for connection in connections:
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            got.append((answer.status, answer.read()))
    assert Counter(status for status, _ in got) == {200: 1, 403: AT_ONCE - 1}
    assert [body for status, body in got if status == 200] == [BODY]
    links.take_in(1)
    assert outcomes() == {"sent": 1, "denied": AT_ONCE - 1}
    assert used(one) == (1, 0)


def test_all_but_the_last_byte_a_hundred_times_is_no_second_copy(links: Links) -> None:
    one, first = allowance(), links.person()
    ingest = follower(links)
    got: Counter[tuple[bool, int]] = Counter()
    try:
        for number in range(100):
            if number % 2:
                answer = first.get(one, Range=f"bytes=0-{len(BODY) - 2}")
            else:
                answer = first.get(one, read=len(BODY) - 1)
            assert answer.body == BODY[:-1]
            got[True, answer.status] += 1
            got[False, links.person().get(one).status] += 1
        assert wait_until(lambda: outcomes()["granted"] == 0, timeout_s=60), outcomes()
        assert wait_until(lambda: one.reservations.get().settled_at is not None, timeout_s=60)
    finally:
        ingest.terminate()
        ingest.communicate(timeout=60)
    assert got == {(True, 200): 50, (True, 206): 50, (False, 403): 100}
    assert used(one) == (1, 0)
    links.take_in(100)
    assert outcomes()["denied"] == 100
    assert used(one) == (1, 0)
    assert links.person().get(one).status == 403
    assert first.get(one, Range=f"bytes={len(BODY) - 1}-{len(BODY) - 1}").body == BODY[-1:]


def follower(links: Links) -> Any:
    """`manage.py xaccel ingest --follow` in a process of its own, for which a moment of silence is idle."""
    before = (
        f"command.POLL_S, command.EVERY_S = 0.01, {IDLE_S}; from django.conf import settings;"
        f"settings.XACCEL_AUDIT = {{'IDLE_S': {IDLE_S}}}; command.audit_settings.cache_clear();"
        "print('ready', flush=True)"
    )
    made = process("--follow", "--quiet", str(links.nginx.directory / "xaccel.log"), before=before)
    assert made.stdout is not None
    assert made.stdout.readline() == b"ready\n"
    return made
