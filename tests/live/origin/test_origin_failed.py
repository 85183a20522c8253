"""`origin_failed`: NGINX's variables for each cause, and `xaccel explain` finds the cause."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
import trustme

from tests.live.commands import explain
from tests.live.origin.bad_origins import big_head
from tests.live.origin.bad_origins import resets as resetting
from tests.live.origin.failure_rows import sends
from tests.live.raw_server import raw_server, reset
from tests.live.stage import Stage, line_where, stage
from tests.servers.origin import Answer, origin_server
from xaccel.tools.nginx import Directive, Parts, Raw
from xaccel_testing import Variant
from xaccel_testing.servers.processes import wait_until

NO_CONNECTION, BROKEN = "-", r"\d+\.\d+"
"""The last value of `$upstream_connect_time`, as docs/reference/log-line.md has it."""
CAUSES = {
    "no-name": (NO_CONNECTION, "Name or service not known|Temporary failure in name resolution"),
    "refuses": (NO_CONNECTION, "Connection refused"),
    "resets-tls": (NO_CONNECTION, "Connection reset|EOF occurred"),
    "unknown-authority": (NO_CONNECTION, "unable to get local issuer certificate|self[- ]signed"),
    "wrong-name": (NO_CONNECTION, "Hostname mismatch"),
    "closes": (BROKEN, "Remote end closed connection without response"),
    "resets": (BROKEN, "Connection reset"),
    "two-lengths": (BROKEN, "The storage delivers"),
    "big-head": (BROKEN, "the head of the response is larger than NGINX accepts. Let the storage send"),
}
"""What `xaccel explain` prints."""


def with_an_own_log_format(parts: Parts) -> Parts:
    words = Raw("'$xaccel_subject|$upstream_connect_time'")
    return replace(parts, http=(Directive("log_format", ("own", words)), *parts.http))


def resets_tls_handshake(connection: socket.socket, _: threading.Event) -> None:
    # not before the client's first byte: Python's ssl then leaves the socket open that it could not wrap
    connection.recv(1)
    reset(connection)


@pytest.fixture(scope="module")
def running(variant: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("origin-failed")
    with ExitStack() as opened:
        bound = opened.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))  # never listens
        tls = opened.enter_context(origin_server(lambda _: Answer(), tls_directory=folder))
        trustme.CA().cert_pem.write_to_path(str(folder / "other.pem"))
        resets_tls = opened.enter_context(raw_server(resets_tls_handshake))
        closes = opened.enter_context(raw_server(sends(b"")))
        resets = opened.enter_context(raw_server(resetting))
        lengths = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello"
        two_lengths = opened.enter_context(raw_server(sends(lengths)))
        large = opened.enter_context(raw_server(big_head))
        trusted = {"connect_to": [tls.address], "ca_file": str(tls.ca_file)}
        origins = {
            "no-name": {"base_url": "http://nowhere.invalid/"},
            "refuses": {"base_url": f"http://127.0.0.1:{bound.getsockname()[1]}/"},
            "resets-tls": {"base_url": "https://origin.test/", "connect_to": [resets_tls]},
            "unknown-authority": {
                "base_url": "https://origin.test/",
                **trusted,
                "ca_file": str(folder / "other.pem"),
            },
            "wrong-name": {"base_url": "https://another.test/", **trusted},
            "closes": {"base_url": f"http://{closes}/"},
            "resets": {"base_url": f"http://{resets}/"},
            "two-lengths": {"base_url": f"http://{two_lengths}/"},
            "big-head": {"base_url": f"http://{large}/"},
        }
        yield opened.enter_context(
            stage(
                folder / "nginx",
                variant,
                origins,
                change=with_an_own_log_format,
                resolver=["127.0.0.1:1"],
                access_logs=["own.log own"],
            )
        )


@pytest.mark.parametrize("cause", CAUSES)
def test_explain_finds_the_cause_that_nginx_cannot_log(running: Stage, cause: str) -> None:
    logged, said = CAUSES[cause]
    reply = running.get(cause, options={"subject": cause})
    line = line_where(running.nginx, "subject", cause)
    assert (reply.status, line["why"]) == (502, "origin_failed")

    def own() -> str:
        lines = (running.nginx.directory / "own.log").read_text().splitlines()
        return next((line for line in lines if line.startswith(f"{cause}|")), "")

    assert wait_until(lambda: bool(own()), timeout_s=60)
    assert re.fullmatch(rf"{cause}\|[\d.]+ : {logged}", own())  # before " : " is the time of the app

    log = str(running.nginx.directory / "xaccel.log")
    printed = explain(running.site, line["id"], "--log", log, "--key", "x")
    assert json.dumps(line) in printed
    assert re.search(f"remedy: .*(?:{said})", printed), printed
