"""Oversized and random requests to NGINX, and random entries in its log."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.faults.clients import Users
from tests.faults.objects import OBJECTS
from tests.faults.topology import Topology
from xaccel.audit.log.entry import LogEntry, NotAnEntry, read_entry

FEW = settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))


MANY = settings(FEW, max_examples=10_000)
efforts = pytest.mark.parametrize(
    ("rounds", "effort"),
    [pytest.param(1, FEW, id="200"), pytest.param(10, MANY, marks=pytest.mark.slow, id="100000")],
)
"""Hypothesis remembers all cases of a round: 100,000 of them need a gigabyte."""


LETTERS = "abcdefghijklmnopqrstuvwxyz-_0123456789"
# bytes that are changed: Hypothesis draws text letter by letter, which takes ten times as long
NAMES = st.sampled_from(
    [
        *("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"),
        *("Xaccel-Id", "Xaccel-Key", "X-Accel-Redirect", "Host", "Cookie", "Accept-Encoding", "Connection"),
        *("Expect", "Transfer-Encoding", "Upgrade", "Via", "Forwarded", "X-Forwarded-For", "traceparent"),
    ]
) | st.binary(min_size=1, max_size=40).map(
    lambda made: "".join(LETTERS[byte % len(LETTERS)] for byte in made)
)
TEXT = st.binary(max_size=60).map(lambda made: made.translate(None, b"\r\n\0").decode("latin-1"))
NUMBERS = st.none() | st.integers(0, 10**20)
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=3).map(
    lambda made: (
        "bytes=" + ",".join("-".join("" if one is None else str(one) for one in part) for part in made)
    )
)
SIZES = st.integers(1, 12).map(lambda power: "x" * 2**power * 8)
HEADERS = st.lists(st.tuples(NAMES, TEXT | RANGES | SIZES), max_size=6)


def text_of(headers: list[tuple[str, str]]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"GET /store/small.bin HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


class Connection:
    """A connection that is opened again after NGINX has closed it."""

    def __init__(self, port: int) -> None:
        self._made = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self) -> None:
        self._made.close()

    def ask(self, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
        """Return the status and the body; 0 if NGINX closed the connection, or waits for a request's body."""
        made = self._made
        if made.sock is None:
            made.connect()
        try:
            made.sock.sendall(text_of(headers))
            made.sock.settimeout(10)
            with closing(http.client.HTTPResponse(made.sock, method="GET")) as response:
                response.begin()
                body = response.read()
        except (OSError, http.client.HTTPException):
            made.close()
            return 0, b""
        if response.will_close or response.getheader("Connection") == "close" or response.status >= 400:
            made.close()
        return response.status, body


@efforts
def test_no_request_header_brings_a_wrong_byte(
    running: Topology, users: Users, rounds: int, effort: settings
) -> None:
    content = OBJECTS["small.bin"]

    @effort
    @given(HEADERS)
    @example([("Host", "x"), ("Cookie", "x" * 100_000)])
    @example([("Host", "x"), *[(f"X-{number}", "x") for number in range(2_000)]])
    @example([("Host", "x"), ("Range", "bytes=" + ",".join(["0-1"] * 2_000))])
    def fuzz(headers: list[tuple[str, str]]) -> None:
        status, body = connection.ask([("Host", "localhost"), ("User-Agent", "fuzz"), *headers])
        # NGINX refuses an unknown Transfer-Encoding with 501
        assert status < 500 or (
            status == 501 and any(name.lower() == "transfer-encoding" for name, _ in headers)
        )
        if status == 200:
            assert body == content
        if status == 206:
            assert body in content

    with closing(Connection(running.ports[0])) as connection:
        for _ in range(rounds):
            fuzz()


VALID = {
    "v": 1,
    "id": "019aae21-0000-7000-8000-000000000000",
    "origin": "store",
    "subject": "7",
    "method": "GET",
    "status": "206",
    "body_bytes": 1000,
    "range": "bytes=0-999",
    "content_range": "bytes 0-999/4000",
    "end": 1764000000.0,
    "seconds": 0.5,
    "ip": "192.0.2.7",
}
VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
)
CHANGED = st.dictionaries(st.sampled_from(sorted(VALID)) | st.text(max_size=9), VALUES, max_size=4).map(
    lambda changes: json.dumps({**VALID, **changes}).encode("utf-8", "surrogatepass")
)
TORN = st.tuples(CHANGED, st.integers(0, 400), st.binary(max_size=9)).map(
    lambda made: made[0][: made[1]] + made[2] + made[0][made[1] :]
)
ENTRIES = CHANGED | TORN | st.binary(max_size=300)


@efforts
def test_a_random_entry_is_read_or_set_aside(rounds: int, effort: settings) -> None:
    kinds = {LogEntry: 0, NotAnEntry: 0}

    @effort
    @given(ENTRIES)
    @example(b"{" * 100_000)
    @example(json.dumps({**VALID, "subject": "x" * 1_000_000}).encode())
    def fuzz(text: bytes) -> None:
        try:
            entry = read_entry(text)
        except NotAnEntry:
            kinds[NotAnEntry] += 1
            return
        kinds[LogEntry] += 1
        assert 0 <= entry.sent < 2**63
        assert entry.first is None or 0 <= entry.first < 2**63
        assert 0 <= entry.status < 2**31

    for _ in range(rounds):
        fuzz()
    assert min(kinds.values()) > 20
