"""An origin that lies: nothing of it becomes the app's, and no transfer ends as something that it is not."""

from __future__ import annotations

import http.client
import socket
import threading
from pathlib import Path

import pytest

from tests.conftest import on_all_builds
from tests.live.conftest import Live, fine
from tests.live.raw_server import raw_server, read_head
from tests.live.stage import stage
from tests.servers.origin import Answer
from xaccel_testing import Variant

pytestmark = on_all_builds


def show_host(connection: socket.socket, _: threading.Event) -> None:
    host = read_head(connection).split(b"\r\n")[1]
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(host), host))


def test_an_origin_on_ipv6_gets_its_own_host(variant: Variant, tmp_path: Path) -> None:
    with (
        raw_server(show_host, "::1") as address,
        stage(tmp_path, variant, {"six": {"base_url": f"http://{address}/"}}) as running,
    ):
        reply = running.get("six")
        assert (reply.status, reply.body) == (200, f"Host: {address}".encode())


def test_more_bytes_than_announced_are_cut_off(live: Live) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\n\r\nworse"
    live.places.origin.answer = lambda _: Answer(raw=head + b"hello" + smuggled)
    reply = live.get("partner", "x")
    assert (reply.body, reply.all("Set-Cookie")) == (b"hello", [])
    live.places.origin.answer = fine
    assert live.get("partner", "x").body == b"from the origin"


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
    ],
)
def test_a_wrong_length_is_not_a_file(live: Live, lines: bytes) -> None:
    live.places.origin.answer = lambda _: Answer(raw=b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nhello")
    try:
        reply = live.get("partner", "x")
    except (http.client.HTTPException, ConnectionError):
        return
    assert (reply.status, reply.body) == (502, b"The storage did not deliver the file.\n")


def test_many_headers_are_refused_or_dropped(live: Live) -> None:
    for count, size in ((500, 20), (3, 5000), (1, 60_000)):
        headers = [(f"X-Amz-Meta-{number}", "a" * size) for number in range(count)]
        live.places.origin.answer = lambda _, h=tuple(headers): Answer(headers=h, body=b"x")
        reply = live.get("partner", "x")
        assert reply.status in (200, 502)
        if live.variant.njs and reply.status == 200:
            assert not any(name.lower().startswith("x-amz") for name, _ in reply.headers)


@pytest.mark.parametrize("value", ["websocket", "WebSocket, h2c", "0"])
def test_no_origin_switches_the_protocol_of_a_browsers_connection(
    variant: Variant, tmp_path: Path, value: str
) -> None:
    """NGINX would send all further bytes of the client to the origin. With njs it refuses the origin's 101."""
    requests: list[bytes] = []

    def switch(connection: socket.socket, _: threading.Event) -> None:
        requests.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhostile")
        requests.append(connection.recv(100))

    with (
        raw_server(switch) as address,
        stage(tmp_path, variant, {"evil": {"base_url": f"http://{address}/"}}) as running,
    ):
        if variant.njs:
            with pytest.raises(http.client.RemoteDisconnected):
                running.get("evil", headers={"Connection": "Upgrade", "Upgrade": value})
            assert requests[1:] in ([], [b""])
            return
        reply, line = running.logged("evil", headers={"Connection": "Upgrade", "Upgrade": value})
        assert (reply.status, reply.body) == (400, b"Send the request without the header Upgrade.\n")
        assert (line["status"], line["why"], requests) == ("400", "upgrade_refused", [])


def test_a_program_that_offers_http_2_over_plain_http_gets_its_file(live: Live) -> None:
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": ""}
    assert live.get("partner", "x", headers=headers).body == b"from the origin"


def test_after_all_of_that_nginx_serves(live: Live) -> None:
    assert live.get("partner", "x").body == b"from the origin"
    assert "[alert]" not in live.nginx.error_log
    assert "signal" not in live.nginx.error_log
