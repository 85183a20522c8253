"""A server that is all origins where an app in development, or a test client, fetches the file itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from tests.servers.origin import Answer, Origin, Request, origin_server

CHANGED = "Sun, 01 Mar 2026 12:00:00 GMT"
BODY = bytes(range(256)) * 1024
"""More than one chunk."""
_HEADERS = [
    ("ETag", '"origin"'),
    ("Last-Modified", CHANGED),
    ("x-amz-request-id", "ABC"),
    ("Set-Cookie", "store=1"),
    ("Content-Disposition", "attachment; filename=store.bin"),
    ("Cache-Control", "public"),
]


@contextmanager
def stored(**tls: Any) -> Iterator[Origin]:
    """Answer as the last part of the path says: a status, `reset`, `silent` until the end, `page`, or a PDF."""
    ended = threading.Event()

    def answer(request: Request) -> Answer:
        name = request.target.partition("?")[0].rpartition("/")[2]
        if request.target.startswith("/to/"):
            return Answer(302, [("Location", unquote(request.target.removeprefix("/to/")))])
        if name == "silent":
            ended.wait(60)
        if name in ("silent", "reset"):
            return Answer(raw=b"")
        if name.isdigit():
            error = b"<Error><BucketName>acme-documents</BucketName></Error>"
            return Answer(int(name), [("Content-Type", "application/xml"), *_HEADERS], error)
        kind = "text/html; charset=utf-8" if name == "page" else "application/pdf"
        return Answer(headers=[("Content-Type", kind), *_HEADERS], body=BODY)

    with origin_server(answer, **tls) as server:
        try:
            yield server
        finally:
            ended.set()


def bucket_at(server: Origin) -> dict[str, Any]:
    """Return the entry of ORIGINS of a bucket in this server."""
    return {
        "type": "s3",
        "bucket": "acme-documents",
        "endpoint_url": server.url,
        "addressing_style": "path",
        "access_key": "AKIASTREAM",
        "secret_key": "stream-secret",
    }
