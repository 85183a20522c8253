"""Failures of an origin or the network, with the user's response and the log entry.

docs/reference/failures.md is generated from these rows, and tests/live/origin/test_failures.py tests each.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.live.raw_server import read_head, reset

Behaviour = Callable[[socket.socket, threading.Event], None]

WHOLE, CUT, NOTHING = "whole", "cut", "nothing"
REFUSES, NEVER_ACCEPTS, NO_NAME, WRONG_CERTIFICATE = (
    "refuses",
    "never accepts",
    "no name",
    "wrong certificate",
)
"""What no connection of a server can do; the test makes them."""


@dataclass(frozen=True, slots=True)
class Got:
    """What comes out.

    user: status and end of what the client gets. status, why, framing, completion: of the line.
    """

    user: tuple[int, str]
    status: str
    why: str
    framing: str
    completion: str


@dataclass(frozen=True, slots=True)
class Row:
    """One case.

    does: in words. behave: the same on a socket. got: with njs, and without it unless `stock` differs. origin: options
    of the origin; hand_off: of the download; put: headers that a forger puts into the hand-off. before: whether the
    object was fetched, or the subject's transfer begun, before; leaves: whether the client goes away in the middle.
    times_out: whether NGINX waits until one of its timeouts ends.
    """

    does: str
    behave: Behaviour | str
    got: Got
    stock: Got | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    hand_off: Mapping[str, Any] = field(default_factory=dict)
    put: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    before: str = ""
    leaves: bool = False
    times_out: bool = False


def sends(raw: bytes, then: Behaviour = lambda *_: None) -> Behaviour:
    """Send these bytes for a request."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        if read_head(connection):
            connection.sendall(raw)
            then(connection, ended)

    return behave


def answers(status: int, *headers: str, body: bytes = b"hello") -> Behaviour:
    """Send an answer that is right as HTTP."""
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}", *headers, "Connection: close", "", ""]
    return sends("\r\n".join(lines).encode() + body)


def stalls(_: socket.socket, ended: threading.Event) -> None:
    ended.wait()


def once(first: Behaviour) -> Behaviour:
    """Answer the first request only."""
    asked: set[threading.Event] = set()  # one for each server

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        if ended not in asked:
            asked.add(ended)
            first(connection, ended)

    return behave


def page(status: int, why: str, framing: str = "length") -> Got:
    """One of our own pages."""
    return Got((status, WHOLE), str(status), why, framing, "OK")


def closed(status: int | str, why: str, framing: str = "length") -> Got:
    """No byte."""
    return Got((0, NOTHING), str(status), why, framing, "")


def passed(status: int, why: str = "", framing: str = "length") -> Got:
    """The answer as it is."""
    return Got((status, WHOLE), str(status), why, framing, "OK")


OK = b"HTTP/1.1 200 OK\r\n"
PARTIAL = (("Range", "bytes=0-4"),)

ROWS: tuple[Row, ...] = (
    Row("The connection is refused", REFUSES, page(502, "origin_failed", "unframed")),
    Row(
        "The connection is reset",
        lambda c, _: (read_head(c), reset(c))[1],
        page(502, "origin_failed", "unframed"),
    ),
    Row("The connection is closed without a response", sends(b""), page(502, "origin_failed", "unframed")),
    Row("The host has no address", NO_NAME, page(502, "origin_failed", "unframed")),
    Row(
        "No connection within 5 seconds",
        NEVER_ACCEPTS,
        page(504, "origin_timeout", "unframed"),
        times_out=True,
    ),
    Row(
        "No response within 30 seconds",
        sends(b"", stalls),
        page(504, "origin_timeout", "unframed"),
        times_out=True,
    ),
    Row("The certificate is not accepted", WRONG_CERTIFICATE, page(502, "origin_failed", "unframed")),
    Row("404", answers(404), page(404, "origin_404")),
    Row("410", answers(410), page(404, "origin_410")),
    Row("403", answers(403), page(502, "origin_403")),
    Row(
        "403, and the origin has `treat_403_as_404`",
        answers(403),
        page(404, "origin_403"),
        origin={"bucket": "store", "treat_403_as_404": True},
    ),
    Row("412", answers(412), page(412, "origin_412")),
    Row(
        "416",
        answers(416, "Content-Range: bytes */5"),
        page(416, "origin_416"),
        headers=(("Range", "bytes=9-"),),
    ),
    Row("429", answers(429), page(503, "origin_429")),
    Row("503", answers(503), page(503, "origin_503")),
    Row("504", answers(504), page(504, "origin_504")),
    Row("any other 4xx, such as 400", answers(400), page(502, "origin_400")),
    Row("401", answers(401, "WWW-Authenticate: Basic"), page(502, "origin_401")),
    Row("any other 5xx, such as 500", answers(500), page(502, "origin_500")),
    Row("408 or 444, which NGINX reads as its own", answers(408), closed(408, "origin_408")),
    Row("499", answers(499), closed(499, "origin_499"), passed(499, "origin_499")),
    Row("600 or more", answers(600), closed(600, "origin_600"), passed(600, "origin_600")),
    Row(
        "a success that is not a file, such as 202",
        answers(202),
        closed(202, "origin_202"),
        passed(202, "origin_202"),
    ),
    Row(
        "a success without a body, 204",
        sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
        closed(204, "origin_204", "unframed"),
        passed(204, "origin_204", "unframed"),
    ),
    Row(
        "a final status below 200, such as 101",
        sends(b"HTTP/1.1 101 Any\r\n\r\n"),
        closed(101, "origin_101", "unframed"),
        passed(101, "origin_101", "unframed"),
    ),
    Row(
        "a malformed status line",
        sends(b"HTTP/1.1 abc\r\n\r\n"),
        closed("009", "not_http", "unframed"),
        Got((9, WHOLE), "009", "not_http", "unframed", "OK"),
    ),
    Row(
        "HTTP/0.9: no head",
        sends(b"<html>hello"),
        closed("009", "not_http", "unframed"),
        Got((9, WHOLE), "009", "not_http", "unframed", "OK"),
    ),
    Row(
        "a head of more than 16 KB",
        sends(OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n"),
        page(502, "origin_failed", "unframed"),
    ),
    Row(
        "two lengths",
        sends(OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello"),
        page(502, "origin_failed"),
    ),
    Row(
        "a body that ends before its length",
        sends(OK + b"Content-Length: 10\r\n\r\nhello"),
        Got((200, CUT), "200", "origin_cut", "length", "OK"),
    ),
    Row(
        "a body in chunks that ends early",
        sends(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        Got((200, CUT), "200", "", "chunked", "OK"),
    ),
    Row(
        "a body without length and chunks",
        sends(OK + b"\r\nhello"),
        closed(200, "unframed", "unframed"),
        passed(200, "unframed", "unframed"),
    ),
    Row(
        "a redirect to another host",
        answers(302, "Location: http://elsewhere.example/x"),
        page(502, "redirect_refused"),
    ),
    Row("a redirect without `Location`", answers(302), page(502, "redirect_without_location")),
    Row("a fifth redirect", answers(302, "Location: /again"), page(502, "too_many_redirects")),
    Row(
        "a redirect to the bucket's region",
        answers(301, "x-amz-bucket-region: eu-west-3"),
        page(502, "wrong_region"),
    ),
    Row(
        "another length than the app's `size`",
        answers(200),
        closed(200, "size_differs"),
        passed(200, "size_differs"),
        hand_off={"size": 4},
    ),
    Row(
        "206 to a request without a range",
        answers(206, "Content-Range: bytes 0-4/9"),
        closed(206, "unasked_part"),
        passed(206, "unasked_part"),
    ),
    Row(
        "206 without a valid Content-Range",
        answers(206),
        closed(206, "bad_part"),
        passed(206, "bad_part"),
        headers=PARTIAL,
    ),
    Row(
        "(the client leaves in the middle)",
        sends(OK + b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000, stalls),
        Got((200, CUT), "200", "", "length", ""),
        leaves=True,
    ),
    Row(
        "(no request: the subject has too many transfers)",
        sends(OK + b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000, stalls),
        page(429, "limited"),
        before="begun",
    ),
    Row(
        "(no request: the hand-off lacks the secret)",
        answers(200),
        page(404, "forged"),
        put={"Xaccel-Auth": "x"},
    ),
    Row(
        "(no request: the hand-off has no transfer id)",
        answers(200),
        page(404, "no_id"),
        put={"Xaccel-Id": ""},
    ),
    Row(
        "(no request: the URL is not the origin's)",
        answers(200),
        page(502, "url_refused"),
        put={"Xaccel-Url": "http://elsewhere.example/x"},
    ),
    Row(
        "(down, and the object is in the cache)",
        once(answers(200)),
        passed(200),
        origin={"cache": True},
        hand_off={"cache_version": "kept"},
        before="fetched",
    ),
)
