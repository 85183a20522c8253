"""Responses of an origin, with the user's response and the log entry: the same over every HTTP version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers.origin import Answer, Request

WHOLE, CUT, NOTHING = "whole", "cut", "nothing"
"""How an answer ends: as the protocol ends it; in the middle, and the client is told; before its head."""

TEXT = b"0123456789" * 30
LARGE = bytes(range(256)) * 4096
XML = b"<Error><BucketName>acme</BucketName></Error>"
FAILED = b"The storage did not deliver the file.\n"
BUSY = b"The storage is busy. Try again in a moment.\n"
OPTIONS: Mapping[str, Any] = {"filename": "report.txt", "as_attachment": True}


@dataclass(frozen=True, slots=True)
class Got:
    """What comes out.

    headers: None for those that must not be there. why, framing: of the line; logged: its status where it is not
    what the user got.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    end: str = WHOLE
    why: str = ""
    logged: str = ""
    framing: str = "length"


@dataclass(frozen=True, slots=True)
class Row:
    """One case.

    answer: what the origin does, for each request. got: with njs, and without it unless `stock` differs.
    """

    name: str
    answer: Callable[[Request], Answer]
    got: Got
    stock: Got | None = None
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: OPTIONS)


def always(status: int = 200, **more: Any) -> Callable[[Request], Answer]:
    """The same answer to each request."""
    return lambda _: Answer(status=status, **more)


def page(status: int, body: bytes, why: str, **headers: str | None) -> Got:
    """One of our own pages: nothing on it is meant for the file."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    plain = {"content-type": "text/plain", "cache-control": "no-store", "content-disposition": None}
    return Got(status, body, {**plain, "location": None, "set-cookie": None, **shown}, why=why)


def replaced(request: Request) -> Answer:
    """An object that was replaced since the client got its first part."""
    if request.header("If-Match") == '"old"':
        return Answer(status=412, body=XML)
    return Answer(headers=[("ETag", '"new"')], body=TEXT)


def part(request: Request) -> Answer:
    assert request.header("Range") == "bytes=5-9"
    headers = [("Content-Range", f"bytes 5-9/{len(TEXT)}"), ("ETag", '"new"'), ("Content-Type", "text/plain")]
    return Answer(status=206, headers=headers, body=TEXT[5:10])


def endless(length: int = 10**9) -> Answer:
    """More than any buffer holds, sent until NGINX has enough."""

    def blocks() -> Iterator[bytes]:
        for _ in range(length // 50_000):
            yield b"x" * 50_000

    return Answer(headers=[("Content-Length", str(length))], body=blocks())


def moved(request: Request) -> Answer:
    """Redirects once, and then delivers."""
    if request.target.endswith("/moved"):
        return Answer(headers=TYPED, body=TEXT)
    return Answer(status=302, headers=[("Set-Cookie", "sid=evil"), ("Location", "/moved")], body=XML)


FILE = {
    "content-type": "text/plain",
    "content-disposition": 'attachment; filename="report.txt"',
    "cache-control": "private, no-cache",
    "x-content-type-options": "nosniff",
}
TYPED = [("Content-Type", "text/plain")]
STORE = [
    ("Set-Cookie", "sid=evil"),
    ("Content-Disposition", "inline"),
    ("Cache-Control", "public"),
    ("x-amz-request-id", "leak"),
    ("X-Accel-Redirect", "/page"),
    ("X-Accel-Limit-Rate", "1"),
    ("Keep-Alive", "timeout=5"),
]
CHALLENGE = ("WWW-Authenticate", 'Basic realm="s3"')
"""NGINX copies it past proxy_hide_header."""
STORE_GONE = dict.fromkeys(("set-cookie", "x-amz-request-id", "x-accel-redirect", "keep-alive"))
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
RANGE = (("Range", "bytes=5-9"),)
GUARDED = (*RANGE, ("If-Range", '"old"'))
PART = Got(206, TEXT[5:10], {**FILE, "content-range": "bytes 5-9/300"})
PAGE_404 = b"Not found.\n"

ROWS = [
    Row("a whole file", always(headers=TYPED, body=TEXT), Got(200, TEXT, {**FILE, "content-length": "300"})),
    Row("a file of 1 MiB", always(headers=TYPED, body=LARGE), Got(200, LARGE, FILE)),
    Row("an empty file", always(headers=TYPED), Got(200, b"", {**FILE, "content-length": "0"})),
    Row(
        "a file in chunks",
        always(raw=CHUNKED + b"12c\r\n" + TEXT + b"\r\n0\r\n\r\n"),
        Got(200, TEXT, FILE, framing="chunked"),
    ),
    Row(
        "HEAD",
        always(headers=TYPED, body=TEXT),
        Got(200, b"", {**FILE, "content-length": "300"}),
        method="HEAD",
    ),
    Row("HEAD of a missing file", always(404, body=XML), page(404, b"", "origin_404"), method="HEAD"),
    Row(
        "headers of a storage",
        always(headers=[*TYPED, *STORE], body=TEXT),
        Got(200, TEXT, {**FILE, **STORE_GONE}),
    ),
    Row(
        "a coding of the object",
        always(headers=[*TYPED, ("Content-Encoding", "br")], body=b"br"),
        Got(200, b"br", {**FILE, "content-encoding": "br"}),
    ),
    Row(
        "a part",
        part,
        PART,
        headers=RANGE,
    ),
    Row("a part of what was replaced", replaced, Got(200, TEXT, {"etag": '"new"'}), headers=GUARDED),
    Row(
        "not modified",
        always(304, headers=[("ETag", '"new"'), *STORE]),
        Got(
            304,
            b"",
            {"etag": '"new"', "cache-control": "private, no-cache", **STORE_GONE},
            framing="unframed",
        ),
        headers=(("If-None-Match", '"new"'),),
    ),
    *(
        Row(
            f"status {status}",
            always(status, headers=[*STORE, CHALLENGE], body=XML),
            page(got, text, f"origin_{status}"),
        )
        for status, got, text in [
            (404, 404, PAGE_404),
            (500, 502, FAILED),
        ]
    ),
    Row("status 503", always(503, body=XML), page(503, BUSY, "origin_503", retry_after="10")),
    Row("status 408", always(408, body=XML), Got(end=NOTHING, why="origin_408", logged="408")),
    Row("a redirect", moved, Got(200, TEXT, {**FILE, "location": None, "set-cookie": None})),
    Row(
        "NUL in a header",
        always(raw=b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\nhello"),
        page(502, FAILED, "origin_failed"),
    ),
    Row(
        "a body that ends early",
        always(headers=[*TYPED, ("Content-Length", "1000")], body=TEXT, close=True),
        Got(200, TEXT, {**FILE, "content-length": "1000"}, end=CUT, why="origin_cut"),
    ),
    Row(
        "chunks that end early",
        always(raw=CHUNKED + b"12c\r\n" + TEXT + b"\r\n"),
        Got(200, TEXT, FILE, end=CUT, framing="chunked"),
    ),
    Row(
        "an answer without an end",
        always(raw=b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + TEXT),
        Got(end=NOTHING, why="unframed", logged="200", framing="unframed"),
        stock=Got(200, TEXT, FILE, why="unframed", framing="unframed"),
    ),
    *(
        Row(
            method, always(headers=TYPED, body=TEXT), Got(200, TEXT, FILE), method=method, body=b"secret form"
        )
        for method in ("POST", "PUT", "DELETE", "OPTIONS")
    ),
]
