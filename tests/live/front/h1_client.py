"""HTTP/1.1 over TLS: every byte that came is kept, also if it is not HTTP."""

from __future__ import annotations

import http.client
import io
import socket
import sys
from pathlib import Path

from tests.live.front.transfer import NAME, TIMEOUT_S, Asked, Transfer, tls_context
from tests.live.raw_server import reset

TCPI_BYTES_RECEIVED = 128
"""Offset of tcpi_bytes_received in `struct tcp_info` (linux/tcp.h)."""


class H1Connection:
    """One TLS connection, one transfer."""

    def __init__(self, port: int, ca_file: Path, *, receive_buffer: int | None = None) -> None:
        plain = socket.socket()
        if receive_buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(TIMEOUT_S)
        plain.connect(("127.0.0.1", port))
        self._socket = tls_context(ca_file, "http/1.1").wrap_socket(plain, server_hostname=NAME)

    def send(self, asked: Asked) -> Transfer:
        assert self._socket.selected_alpn_protocol() == "http/1.1"
        lines = [f"{asked.method} {asked.target} HTTP/1.1", f"Host: {NAME}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in asked.headers]
        if asked.body is not None:
            lines.append(f"Content-Length: {len(asked.body)}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + (asked.body or b""))
        return H1Transfer(self._socket, asked.method)

    def bytes_received(self) -> int:
        """Bytes of the network that this machine has received and acknowledged, read or not."""
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return int.from_bytes(info[TCPI_BYTES_RECEIVED : TCPI_BYTES_RECEIVED + 8], sys.byteorder)

    def close(self) -> None:
        self._socket.close()


class H1Transfer(Transfer):
    """raw: head and body as they came."""

    def __init__(self, connection: socket.socket, method: str) -> None:
        super().__init__()
        self._socket, self._method, self.raw = connection, method, b""

    def receive(self) -> None:
        try:
            block = self._socket.recv(65536)
        except ConnectionError as error:
            self._parse()
            self.end(type(error).__name__)
            return
        self.raw += block
        if not block:
            self._parse()
            self.end("connection closed", complete=self._whole())
        elif b"\r\n\r\n" in self.raw:
            self._parse()

    def _parse(self) -> None:
        response = http.client.HTTPResponse(_Kept(self.raw), method=self._method)  # type: ignore[arg-type]
        try:
            response.begin()
        except http.client.HTTPException:
            return
        self.status, self.headers = response.status, tuple(response.getheaders())
        try:
            self.body = response.read()
            self._cut = False
        except http.client.IncompleteRead as error:
            self.body, self._cut = error.partial, True

    def _whole(self) -> bool:
        return self.status is not None and not self._cut

    def abort(self) -> None:
        reset(self._socket)

    def close(self) -> None:
        self._socket.close()


class _Kept:
    """What http.client takes for a socket."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._raw)
