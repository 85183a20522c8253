"""Wrong responses of an origin become plain error pages without a file name."""

from __future__ import annotations

import http.client
import socket
from typing import Any

import pytest

from tests.live.client import Reply, send_target
from tests.live.conftest import Live
from tests.servers.origin import Answer
from xaccel.handoff.headers import SANDBOX

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


@pytest.mark.parametrize("status", [499, 600, 999])
def test_a_status_that_no_error_page_can_name_is_cut_or_sandboxed(live: Live, status: int) -> None:
    live.places.origin.answer = lambda _: Answer(
        status=status, headers=[("Content-Type", "text/html")], body=XML
    )
    if live.variant.njs:
        reply, line = attempt(live, options=OPTIONS)
        assert reply is None
    else:
        reply, line = attempt(live, options=OPTIONS)
        assert reply is not None
        assert (reply.status, reply.one("Content-Disposition")) == (status, None)
        assert (reply.one("Content-Security-Policy"), reply.one("X-Content-Type-Options")) == (
            SANDBOX,
            "nosniff",
        )
    assert (line["status"], line["why"]) == (str(status), f"origin_{status}")


@pytest.mark.parametrize("status", CLOSING)
def test_two_statuses_of_an_origin_close_the_connection(live: Live, status: int) -> None:
    live.places.origin.answer = lambda _: Answer(status=status, body=XML)
    with pytest.raises(http.client.RemoteDisconnected):
        live.get("partner", "x")


def test_the_challenge_of_a_401_is_on_no_page(live: Live) -> None:
    """NGINX copies WWW-Authenticate of a 401 past proxy_hide_header."""
    challenges = [("WWW-Authenticate", 'Basic realm="s3"'), ("WWW-Authenticate", "Negotiate")]
    live.places.origin.answer = lambda _: Answer(status=401, headers=challenges)
    replies: list[Reply] = []
    (line,) = live.new_lines(lambda: replies.append(live.get("partner", "x")))
    require_plain(replies[0], 502)
    assert (line["status"], line["why"]) == ("502", "origin_401")


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
def test_a_broken_response_is_502(live: Live, raw: bytes, status: int, why: str) -> None:
    live.places.origin.answer = lambda _: Answer(raw=raw)
    replies: list[Reply] = []
    (line,) = live.new_lines(lambda: replies.append(live.get("partner", "x", options=OPTIONS)))
    require_plain(replies[0], status)
    assert line["why"] == why


@pytest.mark.parametrize("raw", [b"HTTP/1.1\t200 OK\r\nSet-Cookie: a=b\r\n\r\n<script>", b"<html>hello"])
def test_a_response_that_is_not_http_is_cut_with_njs(live: Live, raw: bytes) -> None:
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
@pytest.mark.parametrize("size", [16, 0, 1500])
def test_another_size_than_the_apps_is_refused_with_njs_and_logged(
    live: Live, method: str, size: int
) -> None:
    require_refused_with_njs(live, "size_differs", 200, method=method, options={"size": size})
    reply, line = attempt(live, method=method, options={"size": 15})
    assert reply is not None
    assert (reply.one("Content-Length"), line["status"], line["why"]) == ("15", "200", "")


def test_the_size_of_a_part_is_the_whole_behind_the_stroke(live: Live) -> None:
    headers = [("Content-Range", "bytes 0-3/100")]
    live.places.origin.answer = lambda _: Answer(status=206, headers=headers, body=b"part")
    asked = {"headers": {"Range": "bytes=0-3"}}
    require_refused_with_njs(live, "size_differs", 206, options={"size": 4}, **asked)
    reply, line = attempt(live, options={"size": 100}, **asked)
    assert reply is not None
    assert (reply.body, line["why"]) == (b"part", "")
    headers[:] = [("Content-Range", "bytes 0-3/*")]
    assert attempt(live, options={"size": 4}, **asked)[1]["why"] == ""


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


def test_the_size_is_not_compared_with_encoded_or_empty_bodies(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(headers=[("Content-Encoding", "br")], body=b"coded")
    reply, line = attempt(live, options={"size": 100})
    assert reply is not None
    assert (reply.body, line["why"]) == (b"coded", "size_differs")
    live.places.origin.answer = lambda _: Answer(status=304, headers=[("ETag", '"fine"')])
    reply, line = attempt(live, options={"size": 100}, headers={"If-None-Match": '"fine"'})
    assert reply is not None
    assert (reply.status, line["why"]) == (304, "")


@pytest.mark.parametrize("status", [201, 202, 203, 205, 207, 226, 299])
def test_a_success_without_a_file_is_refused_with_njs_and_logged(live: Live, status: int) -> None:
    live.places.origin.answer = lambda _: Answer(status=status, body=b"<accepted>")
    require_refused_with_njs(live, f"origin_{status}", status)


@pytest.mark.parametrize("words", [None, "secret-bucket", "bytes */100", "bytes 0-3"])
def test_a_part_without_a_content_range_is_refused_with_njs_and_logged(live: Live, words: str | None) -> None:
    headers = [("Content-Range", words)] if words else []
    live.places.origin.answer = lambda _: Answer(status=206, headers=headers, body=b"part")
    require_refused_with_njs(live, "bad_part", 206, headers={"Range": "bytes=0-3"})


def test_a_response_without_an_end_is_logged_and_refused_with_njs(live: Live) -> None:
    """Without length and chunks a cut cannot be told from the end (RFC 9112 section 6.3)."""
    live.places.origin.answer = lambda _: Answer(
        raw=b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
    )
    require_refused_with_njs(live, "unframed", 200)
    reply, line = attempt(live, method="HEAD")
    assert reply is not None
    assert (reply.status, line["why"], line["framing"]) == (200, "", "unframed")


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
    with socket.create_connection(("127.0.0.1", live.nginx.port), timeout=10) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_chunks_are_passed_on_and_a_cut_in_them_is_seen(live: Live) -> None:
    """By the client. The line of a cut looks like that of a whole but for its length, which nobody knows."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole, cut = (Answer(raw=head + b"5\r\nhello\r\n" + end) for end in (b"0\r\n\r\n", b""))
    live.places.origin.answer = lambda _: whole
    reply, line = attempt(live)
    assert reply is not None
    assert (reply.body, line["framing"], line["status"], line["why"]) == (b"hello", "chunked", "200", "")
    live.places.origin.answer = lambda _: cut

    def broken() -> None:
        with pytest.raises(http.client.IncompleteRead):
            live.get("partner", "x")

    (line,) = live.new_lines(broken)
    assert (line["framing"], line["sent_length"], line["completion"], line["why"]) == (
        "chunked",
        "",
        "OK",
        "",
    )


def test_the_origins_failure_is_in_the_log_entry(live: Live) -> None:
    for status, why in ((403, "origin_403"), (306, "origin_306"), (429, "origin_429"), (500, "origin_500")):
        live.places.origin.answer = lambda _, s=status: Answer(status=s)
        (line,) = live.new_lines(lambda: live.get("partner", "x"))
        assert (line["why"], line["origin_status"]) == (why, str(status))
