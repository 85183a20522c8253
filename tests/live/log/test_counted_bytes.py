"""The row has the bytes of the body with every HTTP version, although `body_bytes` counts more."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.live.client import ask, begun
from tests.live.front.front_door import FrontDoor, door, ending, hand_off, on_usual_builds, one_line
from tests.live.front.guest import operators_text
from tests.live.front.transfer import Asked
from tests.live.objects import serve
from tests.live.stage import line_where, stage, target
from tests.servers.origin import Answer, Request, origin_server
from xaccel.audit.log.entry import LogEntry, read_entry
from xaccel.tools.nginx import Parts
from xaccel_testing import Variant

__all__ = ["door"]


BODY = b"0123456789" * 100
EXPECT = "100-continue"


def row(line: dict[str, Any]) -> LogEntry:
    found = read_entry(json.dumps(line).encode())
    assert isinstance(found, LogEntry)
    return found


def whole(request: Request) -> Answer:
    return serve(request, BODY)


def cut(_: Request) -> Answer:
    return Answer(headers=[("Content-Length", "1000")], body=iter([BODY[:300]]), close=True)


def missing(_: Request) -> Answer:
    return Answer(status=404)


def chunked(_: Request) -> Answer:
    return Answer(headers=[("Transfer-Encoding", "chunked")], body=b"3e8\r\n" + BODY + b"\r\n0\r\n\r\n")


CASES = {
    "whole": (whole, "GET", {"Expect": EXPECT}, None, (1000, True, "sent", "")),
    "odd case": (whole, "GET", {"Expect": "100-Continue"}, None, (1000, True, "sent", "")),
    "one byte": (whole, "GET", {"Expect": EXPECT, "Range": "bytes=0-0"}, None, (1, True, "sent", "")),
    "head": (whole, "HEAD", {"Expect": EXPECT}, None, (0, True, "headers", "")),
    "with a body": (whole, "POST", {"Expect": EXPECT}, b"x" * 50_000, (1000, True, "sent", "")),
    "cut": (cut, "GET", {"Expect": EXPECT}, None, (300, True, "incomplete", "origin_cut")),
    "a page": (missing, "GET", {"Expect": EXPECT}, None, (0, True, "refused", "origin_404")),
    "chunked": (chunked, "GET", {"Expect": EXPECT}, None, (None, False, "inexact", "")),
}
"""The origin, the method, headers and body, and the row: bytes (None where framing is counted), exact, outcome, why."""


@on_usual_builds
@pytest.mark.parametrize("name", CASES)
def test_the_row_has_the_bytes_of_the_body(door: FrontDoor, protocol: str, name: str) -> None:
    origin, method, headers, body, expected = CASES[name]
    door.live.places.origin.answer = origin
    subject = f"counted-{uuid4()}"
    with door.transfer(protocol, Asked(hand_off(subject), method, tuple(headers.items()), body)) as transfer:
        ending(transfer)
    # After a body NGINX can wait 5 seconds for the client to close (lingering_timeout) before it writes the entry.
    line = one_line(door, subject, protocol)
    read = row(line)
    sent, *rest = expected
    assert [read.details.exact, read.outcome, read.why] == rest
    if sent is None:
        assert 0 <= read.sent - len(BODY) <= 15
    else:
        assert read.sent == sent
    if read.status == 404:
        assert read.body_bytes == len(transfer.body)


REQUESTS = [
    ("GET {} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n", 25),
    ("GET {} HTTP/1.1\r\nHost: x\r\nexpect:   100-CONTINUE  \r\n", 25),
    ("GET {} HTTP/1.1\r\nHost: x\r\nExpect:\t100-continue\r\n", 0),
    ("GET {} HTTP/1.01\r\nHost: x\r\nExpect: 100-continue\r\n", 25),
    ("GET {} HTTP/1.2\r\nHost: x\r\nExpect: 100-continue\r\n", 25),
    ("GET {} HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\n", 0),
    ("GET {} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue; a=b\r\n", 0),
    ("POST {} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n", 25),
]


@pytest.mark.parametrize(("head", "interim"), REQUESTS)
def test_nginx_sends_100_continue_exactly_where_the_line_says_so(
    door: FrontDoor, head: str, interim: int
) -> None:
    """Twice on one connection where it stays open: each request has its own."""
    door.live.places.origin.answer = whole
    subjects = [f"continued-{uuid4()}" for _ in range(2)]
    port = door.live.nginx.port
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        raw = b""
        for subject, last in zip(subjects, (False, True), strict=True):
            if last and "HTTP/1.0" in head:
                break
            closing = "Connection: close\r\n\r\n" if last or "HTTP/1.0" in head else "\r\n"
            client.sendall(f"{head.format(hand_off(subject))}{closing}".encode())
            before = len(raw)
            while not raw[before:].endswith(BODY):
                block = client.recv(65536)
                assert block, raw
                raw += block
            assert raw[before:].count(b"HTTP/1.1 100 Continue\r\n\r\n") == (1 if interim else 0)
            line = line_where(door.live.nginx, "subject", subject)
            assert (line["interim_bytes"], line["body_bytes"]) == (interim, 1000 + interim)
            assert (row(line).sent, row(line).outcome) == (1000, "sent")


def test_two_lines_of_expect_are_no_request(door: FrontDoor) -> None:
    headers = (("Expect", EXPECT), ("Expect", EXPECT))
    assert ask(door.live.nginx.port, hand_off(), headers=headers).status == 400


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </stolen.js>; rel=preload\r\n\r\n"


def hinting(address: str) -> Callable[[Request], Answer]:
    """An app in front of the app that sends 103 before each of its answers."""

    def answer(request: Request) -> Answer:
        connection = http.client.HTTPConnection(address, timeout=60)
        connection.request("GET", request.target)
        answered = connection.getresponse()
        body = answered.read()
        connection.close()
        head = "".join(f"{name}: {value}\r\n" for name, value in answered.getheaders())
        return Answer(raw=HINTS + f"HTTP/1.1 {answered.status} X\r\n{head}\r\n".encode() + body)

    return answer


@pytest.mark.variants("wheel", "wheel-njs")
@pytest.mark.parametrize("hints", ["app", "origin"])
def test_early_hints_of_an_operator_do_not_reach_into_downloads(
    variant: Variant, hints: str, tmp_path: Path
) -> None:
    """Before NGINX 1.29 there are none. It keeps the 103 of an origin as that origin's status: `why` is origin_103."""

    def answer(_: Request) -> Answer:
        if hints == "app":
            return Answer(body=BODY)
        return Answer(raw=HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY)

    def write(parts: Parts, port: int, address: str) -> str:
        front.answer = hinting(address)
        text = operators_text(variant, http="early_hints 1;")
        return text(parts, port, front.address if hints == "app" else address)

    with origin_server(lambda _: Answer()) as front, origin_server(answer) as storage:
        origins = {"store": {"base_url": f"{storage.url}/"}}
        with stage(tmp_path / "nginx", variant, origins, write=write) as running:
            with begun(running.nginx.port, target("store")) as client:
                raw = b"".join(iter(lambda: client.recv(65536), b""))
            assert raw.startswith(b"HTTP/1.1 200 ")
            assert b"stolen" not in raw
            line = line_where(running.nginx, "id", running.hand_offs[0].event.transfer_id)
    assert (line["body_bytes"], row(line).outcome) == (1000, "sent")
