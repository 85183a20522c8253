"""Require signatures as the real storages do and their emulators do not."""

from __future__ import annotations

import http.client
from collections.abc import Callable

from tests.live.objects import serve
from tests.servers.origin import Answer, Request
from tests.signatures import cloudfront_says, google_says

TAG = '"of-the-cdn"'
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
            ("X-Cache", "Hit from cloudfront"),
            ("Via", "1.1 0123.cloudfront.net (CloudFront)"),
            ("X-Amz-Cf-Pop", "FRA2-C1"),
            ("X-Amz-Cf-Id", "cf-secret"),
            ("Age", "7"),
        ]
        if request.header("If-None-Match") == TAG:
            return Answer(status=304, headers=[("ETag", TAG), *headers])
        return serve(request, body, etag=TAG, headers=headers)

    return answer
