"""One user has at most 8 archives at once: each needs memory of NGINX and calls of the app."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from tests.live.archives.scene import BODY, Scene
from xaccel_testing.servers.processes import wait_until

pytestmark = pytest.mark.variants("deb-njs")  # the limit is that of other downloads


def test_the_ninth_archive_of_a_user_is_429_and_another_users_is_not(archives: Scene) -> None:
    row = archives.put("limited", BODY, origin="media")
    archives.archive("limited", [row._replace(name=f"limited/{number}") for number in range(250)])
    with ExitStack() as opened:
        for _ in range(8):
            client = opened.enter_context(socket.create_connection(("127.0.0.1", archives.nginx.port), 60))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(b"GET /zip/limited HTTP/1.1\r\nHost: x\r\nX-User: greedy\r\n\r\n")
            assert client.recv(64).startswith(b"HTTP/1.1 200")
        asked = {"X-User": "greedy", "Range": "bytes=0-9"}
        assert archives.get("limited", headers=asked).status == 429
        assert archives.get("limited", headers={**asked, "X-User": "modest"}).status == 206
    assert wait_until(lambda: archives.get("limited", headers=asked).status == 206, timeout_s=60)
    [why] = {
        line["why"]
        for line in archives.nginx.lines(1, containing='"status":"429"')
        if line["subject"] == "greedy"
    }
    assert why == "limited"
