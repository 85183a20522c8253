"""HTTP/2 over TLS, with as many transfers on one connection as a test wants."""

from __future__ import annotations

import socket
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection as Machine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from tests.live.front.transfer import BREACH, NAME, TIMEOUT_S, Asked, Transfer, fields, split, tls_context

WINDOW = 65_535
"""Bytes that a server may send unread, RFC 9113 section 6.9.2. A client's close can leave as many of those it read
uncounted: `ngx_http_v2_send_output_queue` calls no frame's handler after an error of the write."""


class H2Connection:
    """One TLS connection. The `h2` library checks each frame; what breaks the protocol ends all transfers."""

    def __init__(self, port: int, ca_file: Path) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        # an update of the window must not wait for the last one's acknowledgement
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = tls_context(ca_file, "h2").wrap_socket(plain, server_hostname=NAME)
        assert self._socket.selected_alpn_protocol() == "h2"
        self._machine = Machine(H2Configuration(client_side=True, header_encoding=None))
        self._machine.initiate_connection()
        self._transfers: dict[int, H2Transfer] = {}

    def send(self, asked: Asked) -> H2Transfer:
        number = self._machine.get_next_available_stream_id()
        self._machine.send_headers(number, fields(asked), end_stream=asked.body is None)
        if asked.body is not None:
            most = self._machine.max_outbound_frame_size
            for first in range(0, len(asked.body), most):
                self._machine.send_data(number, asked.body[first : first + most])
            self._machine.end_stream(number)
        self._transfers[number] = H2Transfer(self, number)
        self.flush()
        return self._transfers[number]

    def flush(self) -> None:
        self._socket.sendall(self._machine.data_to_send())

    def reset(self, number: int) -> None:
        self._machine.reset_stream(number, ErrorCodes.CANCEL)
        self.flush()

    def receive(self) -> None:
        block = self._socket.recv(65536)
        if not block:
            self._end_all("connection closed")
            return
        try:
            events = self._machine.receive_data(block)
        except ProtocolError as error:
            self._end_all(f"{BREACH}{error}")
            return
        for event in events:
            self._take(event)
        self.flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            self._end_all(f"GOAWAY {event.error_code}")
            return
        transfer = self._transfers.get(getattr(event, "stream_id", None) or 0)
        if transfer is None:
            return
        if isinstance(event, ResponseReceived):
            transfer.status, transfer.headers = split(event.headers)
        elif isinstance(event, DataReceived):
            transfer.body += event.data
            self._machine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            transfer.end("END_STREAM", complete=True)
        elif isinstance(event, StreamReset):
            transfer.end(f"RST_STREAM {ErrorCodes(event.error_code).name}")

    def _end_all(self, how: str) -> None:
        for transfer in self._transfers.values():
            transfer.end(how)

    def close(self) -> None:
        self._socket.close()


class H2Transfer(Transfer):
    def __init__(self, connection: H2Connection, number: int) -> None:
        super().__init__()
        self._connection, self._number = connection, number

    def receive(self) -> None:
        self._connection.receive()

    def abort(self) -> None:
        self._connection.reset(self._number)

    def close(self) -> None:
        self._connection.close()
