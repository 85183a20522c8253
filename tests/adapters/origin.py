"""The HTTP server of the table, and where it redirects to: what each path answers."""

from __future__ import annotations

from tests.live.objects import serve
from tests.servers.origin import Answer, Request

BYTES = bytes(range(256)) * 8
TYPE = ("Content-Type", "application/pdf")
STORE = [("Set-Cookie", "sid=evil"), ("X-Amz-Request-Id", "leak"), ("Content-Disposition", "inline")]
XML = b"<Error><BucketName>acme</BucketName></Error>"


def answering(elsewhere: str) -> object:
    """What /files/NAME answers. `elsewhere` is the address of the server that "moved" leads to."""

    def answer(request: Request) -> Answer:
        name = request.target.partition("?")[0].rpartition("/")[2]
        if name.isdigit():
            return Answer(status=int(name), headers=STORE, body=XML)
        if name == "moved":
            return Answer(status=302, headers=[("Location", f"{elsewhere}/files/report.pdf"), *STORE])
        if name == "elsewhere":
            return Answer(status=302, headers=[("Location", "http://169.254.169.254/latest")])
        if name == "broken":
            return Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello")
        return serve(request, BYTES, headers=[TYPE, *(STORE if name == "cookies" else [])])

    return answer
