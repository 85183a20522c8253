"""The check's browser: what it takes for a complete response."""

from __future__ import annotations

import socket
import threading

import pytest

from portal.demo.browser import Browser


@pytest.mark.parametrize(("sent", "status"), [(b"whole", 200), (b"who", 0)])
def test_a_response_that_ends_early_is_no_response(sent: bytes, status: int) -> None:
    """A server that is killed ends the connection as one that has sent all: only the length tells."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + sent)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        assert Browser(listener.getsockname()[1], []).get("/").status == status
        thread.join()
