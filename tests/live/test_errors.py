"""What an origin does wrong, and what the user gets: a plain page, without a name to save it under."""

from __future__ import annotations

import http.client
import socket

import pytest

from tests.live.client import Reply, send_target
from tests.live.conftest import Live
from xaccel.content_security import SANDBOX
from xaccel.testing import Answer

pytestmark = [pytest.mark.main, pytest.mark.nginx]

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
        for options in (OPTIONS, {"identity": f"{live.variant.name}-{status}"}):
            reply = live.get(origin, "x", options=options)
            require_plain(reply, EXPECTED.get(status, 502))


@pytest.mark.parametrize("status", [499, 600, 999])
def test_a_status_that_no_error_page_can_name_is_cut_or_sandboxed(live: Live, status: int) -> None:
    live.places.origin.answer = lambda _: Answer(
        status=status, headers=[("Content-Type", "text/html")], body=XML
    )
    if live.variant.njs:
        with pytest.raises(http.client.RemoteDisconnected):
            live.get("partner", "x", options=OPTIONS)
    else:
        reply = live.get("partner", "x", options=OPTIONS)
        assert (reply.status, reply.one("Content-Disposition")) == (status, None)
        assert (reply.one("Content-Security-Policy"), reply.one("X-Content-Type-Options")) == (
            SANDBOX,
            "nosniff",
        )


@pytest.mark.parametrize("status", CLOSING)
def test_two_statuses_of_an_origin_close_the_connection(live: Live, status: int) -> None:
    live.places.origin.answer = lambda _: Answer(status=status, body=XML)
    with pytest.raises(http.client.RemoteDisconnected):
        live.get("partner", "x")


def test_the_challenge_of_a_401_is_hidden_where_njs_can(live: Live) -> None:
    """NGINX copies WWW-Authenticate of a 401 past proxy_hide_header. A browser ignores it on a 502."""
    live.places.origin.answer = lambda _: Answer(
        status=401, headers=[("WWW-Authenticate", 'Basic realm="s3"')]
    )
    reply = live.get("partner", "x")
    assert reply.status == 502
    assert (reply.one("WWW-Authenticate") is None) == live.variant.njs


def test_head_of_a_missing_object_is_404_without_a_body(live: Live) -> None:
    reply = live.get("documents", "never stored", method="HEAD", options=OPTIONS)
    assert (reply.status, reply.body, reply.one("Content-Disposition")) == (404, b"", None)


@pytest.mark.parametrize("origin", ["documents", "vhost", "cached", "media"])
def test_a_missing_file_is_404(live: Live, origin: str) -> None:
    require_plain(live.get(origin, "never stored.pdf", options=OPTIONS), 404)


def test_a_directory_is_no_file(live: Live) -> None:
    (live.places.media / "folder").mkdir(exist_ok=True)
    reply = live.get("media", "folder", options=OPTIONS)
    assert (reply.status, reply.one("Content-Disposition")) == (404, None)


@pytest.mark.parametrize(
    ("raw", "status", "why"),
    [
        (b"", 502, "origin_failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello", 502, "origin_failed"),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\nhello", 502, "origin_failed"),
        (b"HTTP/1.1 200 OK\r\nX-Big: " + b"a" * 70_000 + b"\r\n\r\nhello", 502, "origin_failed"),
    ],
    ids=["nothing", "two lengths", "NUL", "70 KB of header"],
)
def test_a_broken_answer_is_502(live: Live, raw: bytes, status: int, why: str) -> None:
    live.places.origin.answer = lambda _: Answer(raw=raw)
    replies: list[Reply] = []
    (line,) = live.new_lines(lambda: replies.append(live.get("partner", "x", options=OPTIONS)))
    require_plain(replies[0], status)
    assert line["why"] == why


@pytest.mark.parametrize("raw", [b"HTTP/1.1\t200 OK\r\nSet-Cookie: a=b\r\n\r\n<script>", b"<html>hello"])
def test_an_answer_that_is_not_http_is_cut_where_njs_can(live: Live, raw: bytes) -> None:
    """Stock NGINX passes it as HTTP/0.9, byte for byte; the printed text and SECURITY.md say so."""
    live.places.origin.answer = lambda _: Answer(raw=raw)
    with socket.create_connection(("127.0.0.1", live.nginx.port), timeout=10) as connection:
        target = send_target({"origin": "partner", "key": "x"})
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        seen = b"".join(iter(lambda: connection.recv(65536), b""))
    assert seen == (b"" if live.variant.njs else raw)


def test_a_body_that_ends_early_is_no_complete_file(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(
        headers=[("Content-Length", "1000")], body=b"x" * 500, close=True
    )

    def broken() -> None:
        with pytest.raises(http.client.IncompleteRead):
            live.get("partner", "x")

    (line,) = live.new_lines(broken)
    assert (line["why"], line["sent_length"], line["framing"]) == ("origin_cut", "1000", "length")


def test_another_size_than_the_apps_is_told(live: Live) -> None:
    for size, why in ((15, ""), (16, "size_differs"), (0, "size_differs")):
        (line,) = live.new_lines(lambda s=size: live.get("partner", "x", options={"size": s}))
        assert (line["status"], line["why"]) == ("200", why)


def test_an_answer_without_an_end_is_marked_and_with_njs_refused(live: Live) -> None:
    """Without length and chunks a cut cannot be told from the end (RFC 9112 section 6.3)."""
    live.places.origin.answer = lambda _: Answer(
        raw=b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
    )

    def fetched() -> None:
        if live.variant.njs:
            with pytest.raises(http.client.RemoteDisconnected):
                live.get("partner", "x")
        else:
            assert live.get("partner", "x").body == b"hello"

    (line,) = live.new_lines(fetched)
    assert line["framing"] == "unframed"


def test_chunks_are_passed_on_and_a_cut_in_them_is_seen(live: Live) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    live.places.origin.answer = lambda _: Answer(raw=head + b"5\r\nhello\r\n0\r\n\r\n")
    (line,) = live.new_lines(lambda: live.get("partner", "x"))
    assert (line["framing"], line["status"]) == ("chunked", "200")
    live.places.origin.answer = lambda _: Answer(raw=head + b"5\r\nhello\r\n")
    with pytest.raises(http.client.IncompleteRead):
        live.get("partner", "x")


def test_what_an_origin_answers_is_told_in_the_line(live: Live) -> None:
    for status, why in ((403, "origin_403"), (306, "origin_306"), (429, "origin_429"), (500, "origin_500")):
        live.places.origin.answer = lambda _, s=status: Answer(status=s)
        (line,) = live.new_lines(lambda: live.get("partner", "x"))
        assert (line["why"], line["origin_status"]) == (why, str(status))
