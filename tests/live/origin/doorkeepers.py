"""Require signatures as the real stores do and their emulators do not."""

from __future__ import annotations

import http.client
from collections.abc import Callable

from tests.servers.origin import Answer, Request
from tests.signatures import cloudfront_says, google_says

_OF_THE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length")


def google(address: Callable[[], str]) -> Callable[[Request], Answer]:
    """Verify Google's V4 signature of each download, and pass it and every call of the API to the emulator."""

    def answer(request: Request) -> Answer:
        api = request.target.startswith(("/storage/", "/upload/", "/download/", "/resumable/"))
        wrong = "" if api else google_says(request.method, str(request.header("Host")), request.target)
        if wrong:
            return Answer(status=403, reason="Forbidden", body=f"<Error>{wrong}</Error>".encode())
        connection = http.client.HTTPConnection(address(), timeout=60)
        try:
            connection.request(request.method, request.target, request.body or None, dict(request.headers))
            there = connection.getresponse()
            body = there.read()
        finally:
            connection.close()
        headers = [pair for pair in there.getheaders() if pair[0].lower() not in _OF_THE_CONNECTION]
        length = there.getheader("Content-Length")
        if request.method == "HEAD" and length is not None:
            headers.append(("Content-Length", length))
        return Answer(status=there.status, reason=there.reason, headers=headers, body=body)

    return answer


def cloudfront(base_url: str, body: bytes) -> Callable[[Request], Answer]:
    """Verify CloudFront's signature; who has one gets `body`, by the range that was asked for."""

    def answer(request: Request) -> Answer:
        if cloudfront_says(base_url.rstrip("/") + request.target):
            return Answer(
                status=403, reason="Forbidden", headers=[("X-Amz-Cf-Id", "cf-secret")], body=b"<Error/>"
            )
        headers = [
            ("Content-Type", "application/pdf"),
            ("ETag", '"of-the-cdn"'),
            ("Accept-Ranges", "bytes"),
            ("X-Cache", "Hit from cloudfront"),
            ("Via", "1.1 0123.cloudfront.net (CloudFront)"),
            ("X-Amz-Cf-Pop", "FRA2-C1"),
            ("X-Amz-Cf-Id", "cf-secret"),
            ("Age", "7"),
        ]
        asked = dict(request.headers)
        if asked.get("If-None-Match") == '"of-the-cdn"':
            return Answer(status=304, reason="Not Modified", headers=headers, body=b"")
        if "Range" not in asked:
            return Answer(headers=headers, body=body)
        first, _, last = asked["Range"].removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(body) - 1), len(body) - 1)
        headers.append(("Content-Range", f"bytes {start}-{end}/{len(body)}"))
        return Answer(status=206, reason="Partial Content", headers=headers, body=body[start : end + 1])

    return answer
