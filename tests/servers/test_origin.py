"""The recording origin: raw requests in, any answer out."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

import pytest

from tests.servers.origin import Answer, Request, origin_server


def test_records_the_raw_request() -> None:
    with origin_server(lambda request: Answer(body=request.target.encode())) as origin:
        connection = http.client.HTTPConnection(origin.address)
        for _ in range(2):
            connection.request("POST", "//a%2fb/../c?x=%20+", body=b"body", headers={"X-Odd": "1"})
            assert connection.getresponse().read() == b"//a%2fb/../c?x=%20+"
        connection.close()
    first, second = origin.requests
    assert (first.method, first.target, first.body) == ("POST", "//a%2fb/../c?x=%20+", b"body")
    assert first.header("x-odd") == "1"
    assert first.header("cookie") is None
    assert first.connection == second.connection


def test_raw_answer_and_short_body() -> None:
    def answer(request: Request) -> Answer:
        if request.target == "/raw":
            return Answer(raw=b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 3\r\n\r\nraw")
        return Answer(headers=[("Content-Length", "9")], body=b"short", close=True)

    with origin_server(answer) as origin:
        connection = http.client.HTTPConnection(origin.address)
        connection.request("GET", "/raw")
        found = connection.getresponse()
        assert (found.headers.get_all("X-A"), found.read()) == (["1", "2"], b"raw")
        connection.close()
        connection = http.client.HTTPConnection(origin.address)
        connection.request("GET", "/short")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
        connection.close()


def test_tls_is_verified_by_its_authority(tmp_path: Path) -> None:
    with origin_server(lambda request: Answer(body=b"safe"), tls_directory=tmp_path) as origin:
        context = ssl.create_default_context(cafile=str(origin.ca_file))
        with (
            socket.create_connection(("127.0.0.1", origin.port)) as plain,
            context.wrap_socket(plain, server_hostname="origin.test") as client,
        ):
            client.sendall(b"GET / HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
            assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"safe")
        with socket.create_connection(("127.0.0.1", origin.port)) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="other.test")
