"""Responses of an origin, with the user's response and the log entry: the same over every HTTP version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers.origin import Answer, Request
from xaccel.nginx.engine_files import MAX_REDIRECTS

WHOLE, CUT, NOTHING = "whole", "cut", "nothing"
"""How an answer ends: as the protocol ends it; in the middle, and the client is told; before its head."""

TEXT = b"0123456789" * 30
LARGE = bytes(range(256)) * 4096
XML = b"<Error><BucketName>acme</BucketName></Error>"
FAILED = b"The file store did not deliver the file.\n"
BUSY = b"The file store is busy. Try again in a moment.\n"
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


def moved(location: str | None, *, times: int = 1) -> Callable[[Request], Answer]:
    """Redirects `times` times, to one place after the other, and then delivers."""

    def answer(request: Request) -> Answer:
        number = int(request.target.rpartition("-")[2]) if "-" in request.target else 0
        if number >= times:
            return Answer(headers=[("Content-Type", "text/plain")], body=TEXT)
        headers = [("Set-Cookie", "sid=evil")]
        headers += [("Location", f"{location}-{number + 1}")] if location is not None else []
        return Answer(status=302, headers=headers, body=XML)

    return answer


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
PAGE_404, PAGE_412 = b"Not found.\n", b"Precondition failed.\n"
PAGE_416 = b"The file has no such range.\n"
PAGE_504 = b"The file store did not respond in time. Try again in a moment.\n"

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
        "headers of a store",
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
            (412, 412, PAGE_412),
            (500, 502, FAILED),
            (504, 504, PAGE_504),
        ]
    ),
    *(
        Row(
            f"status {status}",
            always(status, body=XML),
            page(503, BUSY, f"origin_{status}", retry_after="10"),
        )
        for status in (429, 503)
    ),
    Row(
        "status 416",
        always(416, headers=[("Content-Range", "bytes */300")], body=XML),
        page(416, PAGE_416, "origin_416", content_range="bytes */300"),
        headers=(("Range", "bytes=900-"),),
    ),
    *(
        Row(
            f"status {status}",
            always(status, body=XML),
            Got(end=NOTHING, why=f"origin_{status}", logged=str(status)),
        )
        for status in (408, 444)
    ),
    Row("a redirect", moved("/moved"), Got(200, TEXT, {**FILE, "location": None, "set-cookie": None})),
    Row(
        "a redirect and a part",
        lambda request: moved("/moved")(request) if "-" not in request.target else part(request),
        PART,
        headers=RANGE,
    ),
    Row("the last redirect", moved("/moved", times=MAX_REDIRECTS), Got(200, TEXT, FILE)),
    Row(
        "a redirect too many",
        moved("/moved", times=MAX_REDIRECTS + 1),
        page(502, FAILED, "too_many_redirects"),
    ),
    Row("a redirect elsewhere", moved("http://169.254.169.254/x"), page(502, FAILED, "redirect_refused")),
    Row("a redirect to nowhere", moved(None), page(502, FAILED, "redirect_without_location")),
    *(
        Row(name, always(raw=raw), page(502, FAILED, "origin_failed"))
        for name, raw in [
            ("NUL in a header", b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\nhello"),
            ("64 KB of headers", b"HTTP/1.1 200 OK\r\nX-Big: " + b"a" * 65_536 + b"\r\n\r\nhello"),
        ]
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
