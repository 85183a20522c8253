"""A reload while a download is under way."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.live.client import Reply, ask
from tests.live.commands import OF_TESTS, operators_conf
from tests.live.conftest import build_of
from tests.live.stage import line_where, stage, target
from tests.servers.origin import Answer, Request, origin_server
from xaccel.audit.log.entry import LogEntry, read_entry
from xaccel.tools.nginx import Parts, emit
from xaccel.tools.nginx.engine_files import SHUTDOWN
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

RATE = 200_000


def reloaded(variant: Variant, folder: Path, *, seconds: int, timeout: str) -> tuple[list[Reply], LogEntry]:
    """Reload while a download of `seconds` runs; return the response, if it was whole, and the row."""
    body = b"x" * (RATE * seconds)
    replies: list[Reply] = []
    with (
        origin_server(lambda _: Answer(body=body)) as origin,
        stage(folder, variant, {"store": {"base_url": f"{origin.url}/"}}) as running,
    ):
        text = (folder / "nginx.conf").read_text()
        assert f"worker_shutdown_timeout {SHUTDOWN};" in text
        running.nginx.reload(text.replace(f"timeout {SHUTDOWN};", f"timeout {timeout};"))

        def download() -> None:
            try:
                replies.append(running.get("store", options={"limit_rate": RATE}))
            except (http.client.IncompleteRead, ConnectionError):
                return

        client = threading.Thread(target=download)
        client.start()
        assert wait_until(lambda: bool(origin.requests), timeout_s=60)
        running.nginx.reload(text)
        client.join(timeout=seconds + 30)
        line: dict[str, Any] = line_where(running.nginx, "id", running.hand_offs[0].event.transfer_id)
    row = read_entry(json.dumps(line).encode())
    assert isinstance(row, LogEntry)
    assert [reply.body == body for reply in replies] == [True] * len(replies)
    return replies, row


def test_the_row_of_a_download_that_a_reload_cut_blames_nobody(variant: Variant, tmp_path: Path) -> None:
    replies, row = reloaded(variant, tmp_path, seconds=60, timeout="1s")
    assert replies == []
    assert (row.outcome, row.why, row.details.completion) == ("incomplete", "client_or_nginx", "")


@pytest.mark.slow
def test_a_download_goes_on_for_longer_than_half_a_minute_after_a_reload(
    variant: Variant, tmp_path: Path
) -> None:
    replies, row = reloaded(variant, tmp_path, seconds=35, timeout=SHUTDOWN)
    assert len(replies) == 1
    assert (row.outcome, row.why) == ("sent", "")


def with_three_lines(variant: Variant, folder: Path) -> Callable[[Parts, int, str], str]:
    """An operator's configuration that includes xaccel as docs/operate/review.md says."""

    def write(parts: Parts, port: int, app: str) -> str:
        (folder / "xaccel").mkdir()
        files = {"http": (*parts.engine, *parts.http), "server": parts.server, "app": parts.app}
        for name, directives in files.items():
            (folder / "xaccel" / f"{name}.conf").write_text(emit(directives))
        inside = f"""
            include xaccel/http.conf;
            server {{
                listen 127.0.0.1:{port};
                include xaccel/server.conf;
                location / {{ proxy_pass http://{app}; include xaccel/app.conf; }}
            }}"""
        return operators_conf(variant.load_modules, inside, top=OF_TESTS)

    return write


def test_a_download_goes_on_after_the_three_lines_are_deleted(variant: Variant, tmp_path: Path) -> None:
    """docs/operate/review.md: how an operator removes xaccel."""
    sent, body = threading.Event(), b"x" * 100_000

    def answer(_: Request) -> Answer:
        def blocks() -> Iterator[bytes]:
            yield body
            assert sent.wait(120)
            yield body

        return Answer(headers=[("Content-Length", str(2 * len(body)))], body=blocks())

    with (
        origin_server(answer) as origin,
        stage(
            tmp_path,
            variant,
            {"store": {"base_url": f"{origin.url}/"}},
            write=with_three_lines(variant, tmp_path),
        ) as running,
    ):
        text = (tmp_path / "nginx.conf").read_text()
        without = re.sub(r"include xaccel/\w+\.conf;", "", text)
        replies: list[Reply] = []
        client = threading.Thread(target=lambda: replies.append(running.get("store")))
        client.start()
        assert wait_until(lambda: bool(origin.requests), timeout_s=60)
        running.nginx.reload(without)
        assert ask(running.nginx.port, "/page").status == 200
        sent.set()
        client.join(timeout=120)
    assert [reply.body for reply in replies] == [body * 2]


RELOADS = 4
KEEPS_IDLE = (1, 27, 4)
"""The first NGINX with `keepalive_min_timeout`."""


@dataclass
class Poller:
    """A client that downloads again and again, on one connection or on new ones.

    failed: for each failure, how many downloads its connection had had before.
    """

    port: int
    path: str
    is_kept: bool
    stop: threading.Event
    done: int = 0
    failed: list[int] = field(default_factory=list)

    def run(self) -> None:
        connection, served = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60), 0
        while not self.stop.is_set():
            try:
                connection.request("GET", self.path)
                assert connection.getresponse().read() == b"whole"
                served += 1
                reset = False
            except ConnectionError:
                self.failed.append(served)
                reset = True
            if reset or not self.is_kept:
                connection.close()
                served = 0
            self.done += 1
        connection.close()


def test_a_reload_ends_idle_connections_and_no_other(variant: Variant, tmp_path: Path) -> None:
    """A client that sends on such a connection at this moment sees a reset; a new NGINX can wait for it."""
    waits = build_of(variant).version >= KEEPS_IDLE
    with (
        origin_server(lambda _: Answer(body=b"whole")) as origin,
        stage(tmp_path, variant, {"store": {"base_url": f"{origin.url}/"}}) as running,
    ):
        text = (tmp_path / "nginx.conf").read_text()
        text = text.replace("http {", "http { keepalive_min_timeout 10s;" if waits else "http {", 1)
        running.nginx.reload(text)
        stop = threading.Event()
        pollers = [Poller(running.nginx.port, target("store"), kept, stop) for kept in (False, True) * 3]
        clients = [threading.Thread(target=poller.run) for poller in pollers]
        for client in clients:
            client.start()
        for _ in range(RELOADS):
            wanted = [poller.done + 3 for poller in pollers]
            assert wait_until(
                lambda wanted=wanted: all(
                    poller.done >= least for poller, least in zip(pollers, wanted, strict=True)
                ),
                timeout_s=60,
            )
            running.nginx.reload(text)
        stop.set()
        for client in clients:
            client.join(timeout=60)
    new, kept = ([poller for poller in pollers if poller.is_kept is choice] for choice in (False, True))
    assert [poller.failed for poller in new] == [[]] * len(new)
    if waits:
        assert [poller.failed for poller in kept] == [[]] * len(kept)
    for poller in kept:
        assert len(poller.failed) <= RELOADS
        assert 0 not in poller.failed
