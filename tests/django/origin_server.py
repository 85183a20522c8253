"""An HTTP server that behaves as its path says, for the development server's side."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

CHANGED = "Sun, 01 Mar 2026 12:00:00 GMT"
BODY = bytes(range(256)) * 1024
"""More than one chunk."""


class OriginServer(ThreadingHTTPServer):
    """Keeps what it was asked."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._tls = tls
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.stopping = threading.Event()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one connection, in its thread. Clients may refuse the handshake."""
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        with suppress(OSError), self._tls.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)


@contextmanager
def origin_server(tls: ssl.SSLContext | None = None) -> Iterator[OriginServer]:
    """Serve on a free port until the block ends."""
    server = OriginServer(tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: OriginServer

    def do_GET(self) -> None:
        self.server.asked.append(
            (self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        )
        name = self.path.partition("?")[0].rpartition("/")[2]
        if self.path.startswith("/to/"):
            self._redirect(unquote(self.path.removeprefix("/to/")))
        elif name == "silent":
            self.server.stopping.wait(20)
        elif name == "reset":
            self.close_connection = True
        elif name.isdigit():
            self._send(
                int(name), b"<Error><BucketName>acme-documents</BucketName></Error>", "application/xml"
            )
        else:
            self._send(200, BODY, "text/html; charset=utf-8" if name == "page" else "application/pdf")

    do_HEAD = do_GET

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"origin"')
        self.send_header("Last-Modified", CHANGED)
        self.send_header("x-amz-request-id", "ABC")
        self.send_header("Set-Cookie", "store=1")
        self.send_header("Content-Disposition", "attachment; filename=store.bin")
        self.send_header("Cache-Control", "public")
        if 300 < status < 304:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        if self.command == "GET" and status not in (204, 304):
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
