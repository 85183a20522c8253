"""Wrong responses of an origin become plain error pages without a file name."""

from __future__ import annotations

import http.client
import socket
from typing import Any

import pytest

from tests.conftest import on_all_builds
from tests.live.client import Reply, send_target
from tests.live.conftest import Live
from tests.servers.origin import Answer
from xaccel.handoff.headers import SANDBOX

pytestmark = on_all_builds

XML = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><BucketName>acme</BucketName><Key>x</Key></Error>"
EXPECTED = {404: 404, 410: 404, 412: 412, 416: 416, 429: 503, 503: 503, 504: 504}
CLOSING = (408, 444)
"""NGINX takes these for its own "client timed out" and "no answer", and closes before any error page."""
STATUSES = [
    status for status in (*range(300, 318), *range(400, 452), *range(494, 512), 598, 599) if status != 304
]
STATUSES = [status for status in STATUSES if status not in (499, *CLOSING)]
OPTIONS = {
    "filename": "report.pdf",
    "as_attachment": True,
    "cache_control": "private, max-age=600",
    "etag": "v1",
}
PAGE_HEADERS = {
    "server",
    "date",
    "connection",
    "content-length",
    "content-type",
    "cache-control",
    "x-content-type-options",
}


def require_plain(reply: Reply, status: int) -> None:
    assert reply.status == status
    allowed = PAGE_HEADERS | {"content-range" if status == 416 else "retry-after"}
    assert {name.lower() for name, _ in reply.headers} <= allowed
    assert reply.one("Content-Type") == "text/plain"
    assert reply.one("Cache-Control") == "no-store"
    assert reply.one("X-Content-Type-Options") == "nosniff"
    assert reply.body.endswith(b".\n")
    assert b"<" not in reply.body


@pytest.mark.parametrize("origin", ["partner", "partner-cached"])
def test_every_status_of_an_origin_becomes_a_plain_page(live: Live, origin: str) -> None:
    for status in STATUSES[:: 1 if live.variant.name == "deb" else 3]:
        headers = [
            ("Content-Type", "application/xml"),
            ("Content-Disposition", "attachment; filename=error.xml"),
            ("Location", "http://127.0.0.1:1/elsewhere"),
            ("x-amz-request-id", "leak"),
            ("Retry-After", "1"),
        ]
        live.places.origin.answer = lambda _, s=status, h=tuple(headers): Answer(
            status=s, headers=h, body=XML
        )
        for options in (OPTIONS, {"cache_version": f"{live.variant.name}-{status}"}):
            reply = live.get(origin, "x", options=options)
            require_plain(reply, EXPECTED.get(status, 502))


def test_a_status_that_no_error_page_can_name_is_cut_or_sandboxed(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(
        status=600, headers=[("Content-Type", "text/html")], body=XML
    )
    reply, line = attempt(live, options=OPTIONS)
    assert (reply is None) == live.variant.njs
    if reply is not None:
        assert (reply.status, reply.one("Content-Disposition")) == (600, None)
        assert reply.one("Content-Security-Policy") == SANDBOX
        assert reply.one("X-Content-Type-Options") == "nosniff"
    assert (line["status"], line["why"]) == ("600", "origin_600")


def test_a_directory_is_no_file(live: Live) -> None:
    (live.places.media / "folder").mkdir(exist_ok=True)
    reply = live.get("media", "folder", options=OPTIONS)
    assert (reply.status, reply.one("Content-Disposition")) == (404, None)


def attempt(live: Live, **asked: Any) -> tuple[Reply | None, dict[str, Any]]:
    """The answer, None where there was none, and the line."""
    replies: list[Reply | None] = []

    def fetched() -> None:
        try:
            replies.append(live.get(**{"origin": "partner", "key": "x", **asked}))
        except (http.client.RemoteDisconnected, ConnectionError):
            replies.append(None)

    (line,) = live.new_lines(fetched)
    return replies[0], line


def require_refused_with_njs(live: Live, why: str, status: int, **asked: Any) -> None:
    reply, line = attempt(live, **asked)
    assert (line["status"], line["why"]) == (str(status), why)
    if live.variant.njs:
        assert (reply, line["body_bytes"], line["completion"]) == (None, 0, "")
    else:
        assert reply is not None
        assert (reply.status, line["completion"]) == (status, "OK")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("size", [16, 0])
def test_another_size_than_the_apps_is_refused_with_njs_and_logged(
    live: Live, method: str, size: int
) -> None:
    require_refused_with_njs(live, "size_differs", 200, method=method, options={"size": size})
    reply, line = attempt(live, method=method, options={"size": 15})
    assert reply is not None
    assert (reply.one("Content-Length"), line["status"], line["why"]) == ("15", "200", "")


def test_a_cached_file_has_the_size_that_the_app_says_today(live: Live) -> None:
    identity = f"sized {live.variant.name}"
    live.places.origin.answer = lambda _: Answer(
        headers=[("Accept-Ranges", "bytes")], body=b"from the origin"
    )
    for headers, status in (({}, 200), ({"Range": "bytes=0-3"}, 206)):
        asked = {"origin": "partner-cached", "headers": headers}
        reply, line = attempt(live, options={"size": 15, "cache_version": identity}, **asked)
        assert reply is not None
        assert (reply.status, line["why"]) == (status, ""), line
        reply, line = attempt(live, options={"size": 9, "cache_version": identity}, **asked)
        assert (line["cache"], line["why"]) == ("HIT", "size_differs")
        assert (reply is None) == live.variant.njs


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/0.9"])
@pytest.mark.parametrize("end", [b"0\r\n\r\n", b""], ids=["whole", "cut"])
def test_chunks_for_a_client_of_http_1_0_are_a_response_without_an_end(
    live: Live, version: str, end: bytes
) -> None:
    """It knows no chunks: a cut in them would look like the end of a whole file."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    live.places.origin.answer = lambda _: Answer(raw=head + b"5\r\nhello\r\n" + end)
    seen: list[bytes] = []

    def fetched() -> None:
        asked = send_target({"origin": "partner", "key": "x", "options": {"subject": live.mark}})
        spoken = f" {version}\r\nHost: x\r\n\r\n" if version == "HTTP/1.0" else "\r\n"
        seen.append(old_client(live, f"GET {asked}{spoken}"))

    (line,) = live.new_lines(fetched)
    assert (line["framing"], line["why"]) == ("unframed", "unframed")
    assert (seen == [b""]) == live.variant.njs
    assert seen[0].endswith(b"" if live.variant.njs else b"hello")


def test_a_client_of_http_1_0_gets_what_has_a_length(live: Live) -> None:
    asked = send_target({"origin": "partner", "key": "x"})
    seen = old_client(live, f"GET {asked} HTTP/1.0\r\nHost: x\r\n\r\n")
    assert b"Content-Length: 15\r\n" in seen
    assert seen.endswith(b"\r\n\r\nfrom the origin")


def old_client(live: Live, request: str) -> bytes:
    """What comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", live.nginx.port), timeout=60) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))
