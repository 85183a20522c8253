"""HTTP/3 over QUIC on a plain UDP socket, without an event loop."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Stream
from aioquic.h3.connection import H3Connection as Http3
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, QuicEvent, StreamReset

from tests.live.front.transfer import NAME, TIMEOUT_S, Asked, Transfer, fields, split


class Machine(Http3):
    """aioquic takes the length that an answer to HEAD announces for that of a body."""

    def __init__(self, quic: QuicConnection) -> None:
        super().__init__(quic)
        self.bodiless: set[int] = set()

    def _check_content_length(self, stream: H3Stream) -> None:
        if stream.stream_id not in self.bodiless:
            super()._check_content_length(stream)


class H3Connection:
    """One QUIC connection."""

    def __init__(self, port: int, ca_file: Path) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._address = ("127.0.0.1", port)
        options = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=NAME)
        options.load_verify_locations(cafile=str(ca_file))
        self._quic = QuicConnection(configuration=options)
        self._deadline = time.monotonic() + TIMEOUT_S
        self._quic.connect(self._address, now=time.monotonic())
        self._transfers: dict[int, H3Transfer] = {}
        self._machine: Machine | None = None
        self.closed = ""
        while self._machine is None and not self.closed:
            self.receive()
        assert not self.closed, self.closed

    def send(self, asked: Asked) -> H3Transfer:
        assert self._machine is not None
        number = self._quic.get_next_available_stream_id()
        if asked.method == "HEAD":
            self._machine.bodiless.add(number)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in fields(asked)]
        self._machine.send_headers(number, raw, end_stream=asked.body is None)
        if asked.body is not None:
            self._machine.send_data(number, asked.body, end_stream=True)
        self._transfers[number] = H3Transfer(self, number)
        self.flush()
        return self._transfers[number]

    def flush(self) -> None:
        for data, _ in self._quic.datagrams_to_send(now=time.monotonic()):
            self._socket.send(data)

    def stop(self, number: int) -> None:
        self._quic.stop_stream(number, ErrorCode.H3_REQUEST_CANCELLED)
        self.flush()

    def receive(self) -> None:
        self.flush()
        timer, now = self._quic.get_timer(), time.monotonic()
        if now > self._deadline:
            raise TimeoutError("nothing came over QUIC")
        wait = min(self._deadline, self._deadline if timer is None else timer) - now
        self._socket.settimeout(max(0.0005, wait))
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            if timer is not None:
                self._quic.handle_timer(now=max(timer, time.monotonic()))
        else:
            self._deadline = time.monotonic() + TIMEOUT_S
            self._quic.receive_datagram(data, self._address, now=time.monotonic())
        while (event := self._quic.next_event()) is not None:
            self._hear(event)
        self.flush()

    def _hear(self, event: QuicEvent) -> None:
        if isinstance(event, HandshakeCompleted):
            self._machine = Machine(self._quic)
        elif isinstance(event, ConnectionTerminated):
            self.closed = f"CONNECTION_CLOSE {event.error_code:#x} {event.reason_phrase}"
            for transfer in self._transfers.values():
                transfer.end(self.closed)
        elif isinstance(event, StreamReset) and event.stream_id in self._transfers:
            self._transfers[event.stream_id].end(f"RESET_STREAM {ErrorCode(event.error_code).name}")
        elif self._machine is not None:
            for taken in self._machine.handle_event(event):
                self._take(taken)

    def _take(self, event: H3Event) -> None:
        if not isinstance(event, HeadersReceived | DataReceived) or event.stream_id not in self._transfers:
            return
        transfer = self._transfers[event.stream_id]
        if isinstance(event, HeadersReceived):
            transfer.status, transfer.headers = split(event.headers)
        else:
            transfer.body += event.data
        if event.stream_ended:
            transfer.end("FIN", complete=True)

    def close(self) -> None:
        self._quic.close()
        self.flush()
        self._socket.close()


class H3Transfer(Transfer):
    def __init__(self, connection: H3Connection, number: int) -> None:
        super().__init__()
        self._connection, self._number = connection, number

    def receive(self) -> None:
        self._connection.receive()

    def abort(self) -> None:
        self._connection.stop(self._number)

    def close(self) -> None:
        self._connection.close()
