"""An HTTP or HTTPS origin on a real socket that records what it was asked and answers what a test wants."""

from __future__ import annotations

import itertools
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from xaccel_testing.servers.processes import wait_until


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire: `target` undecoded, `headers` in their order and spelling.

    `connection` counts the connections of the origin from 1: equal numbers mean that one was kept alive. `resumed`: by
    TLS, with an earlier session.
    """

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    resumed: bool = False

    def header(self, name: str) -> str | None:
        """All values of one header, joined by ", "; None when it did not come."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the origin sends.

    Bytes get a Content-Length unless `headers` has one (also a false one). An iterable of blocks is sent as it
    comes, and the connection closed after it, unless `headers` gives a length. `raw` is sent instead of
    everything else, byte for byte, and the connection closed. Nothing is sent after the head for HEAD.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | Iterable[bytes] = b""
    reason: str | None = None
    raw: bytes | None = None
    close: bool = False


@dataclass(slots=True)
class Origin:
    """A running origin. `requests` grows as they come; `answer` may be replaced while it runs."""

    url: str
    address: str
    port: int
    answer: Callable[[Request], Answer]
    ca_file: Path | None = None
    requests: list[Request] = field(default_factory=list)

    def tls_options(self, ca_file: Path | None = None) -> dict[str, Any]:
        """Options of an HTTP origin at this server, by the name in its certificate."""
        return {
            "base_url": f"https://origin.test:{self.port}/",
            "connect_to": [self.address],
            "ca_file": str(ca_file or self.ca_file),
        }

    def wait_for(self, count: int, *, timeout_s: float = 60.0) -> list[Request]:
        """The requests, once there are `count` of them. Raises TimeoutError."""
        if not wait_until(lambda: len(self.requests) >= count, timeout_s=timeout_s):
            raise TimeoutError(f"{len(self.requests)} of {count} requests after {timeout_s} s")
        return list(self.requests)


@contextmanager
def origin_server(
    answer: Callable[[Request], Answer],
    *,
    tls_directory: Path | None = None,
    names: Sequence[str] = ("origin.test",),
    prepare_tls: Callable[[ssl.SSLContext], None] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Origin]:
    """Serve on a free loopback port until the block ends.

    With `tls_directory` it speaks TLS with a certificate for `names` from an authority of its own, whose
    certificate is written there as `ca.pem` (needs the package trustme); `prepare_tls` may change its context. `tls`
    is a context of your own.
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    context, ca_file = (tls, None) if tls_directory is None else _tls(tls_directory, names)
    if context is not None and prepare_tls is not None:
        prepare_tls(context)
    server.context = context
    port = server.server_address[1]
    scheme = "http" if context is None else "https"
    server.origin = origin = Origin(
        f"{scheme}://127.0.0.1:{port}", f"127.0.0.1:{port}", port, answer, ca_file
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        server.shutdown()
        server.cut()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 1024
    origin: Origin
    context: ssl.SSLContext | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.numbers = itertools.count(1)
        self.open: set[socket.socket] = set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # here and not in get_request(), so that one slow handshake does not hold up the others
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:
                request.close()
                return
        self.open.add(request)
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """NGINX leaving in the middle is what many tests are about; other errors reach the test by their answer."""

    def cut(self) -> None:
        """End the connections that are kept alive, or server_close() would wait for them."""
        for request in list(self.open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60
    # NGINX's and http.server's small writes must not wait for each other
    disable_nagle_algorithm = True
    wbufsize = 65536

    def setup(self) -> None:
        super().setup()
        self.number = next(self.server.numbers)

    def handle_one_request(self) -> None:
        try:
            line = self.rfile.readline(1_000_000)
            # http.server refuses a target with spaces; lenient servers take it
            self.raw_requestline = re.sub(rb" (?=.* HTTP/)", b"%20", line).replace(b"%20", b" ", 1)
            if not self.raw_requestline:
                self.close_connection = True
                return
            if self.parse_request():
                self._answer()
            self.wfile.flush()
        except (OSError, ValueError):
            self.close_connection = True

    def _answer(self) -> None:
        # not self.path: http.server merges leading slashes
        method, target, version = self.requestline.split(" ", 2)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        resumed = bool(getattr(self.connection, "session_reused", False))
        request = Request(method, target, version, tuple(self.headers.items()), body, self.number, resumed)
        self.server.origin.requests.append(request)
        answer = self.server.origin.answer(request)
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            self.close_connection = True
            return
        self._head(answer)
        if method != "HEAD":
            for block in [answer.body] if isinstance(answer.body, bytes) else answer.body:
                self.wfile.write(block)
                self.wfile.flush()

    def _head(self, answer: Answer) -> None:
        self.send_response_only(answer.status, answer.reason)
        names = {name.lower() for name, _ in answer.headers}
        for name, value in answer.headers:
            self.send_header(name, value)
        if "content-length" not in names and "transfer-encoding" not in names:
            if isinstance(answer.body, bytes) and answer.status not in (204, 304):
                self.send_header("Content-Length", str(len(answer.body)))
            elif not isinstance(answer.body, bytes):
                self.close_connection = True
        if answer.close:
            self.close_connection = True
        if self.close_connection and "connection" not in names:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Requests are recorded, not printed."""


def _tls(directory: Path, names: Sequence[str]) -> tuple[ssl.SSLContext, Path]:
    import trustme

    authority = trustme.CA()
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context, ca_file
