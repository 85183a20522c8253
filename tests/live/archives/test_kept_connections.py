"""The app closes a kept connection when NGINX sends a request on it, as an app server does with an idle one."""

from __future__ import annotations

import http.client
import socket
import threading
from pathlib import Path

from tests.live.archives.scene import filled, scene
from tests.live.raw_server import raw_server, read_head
from xaccel_testing import S3Server, Variant, free_port


def test_an_archive_is_whole_though_the_app_closes_a_kept_connection(
    variant: Variant, s3: S3Server, tmp_path: Path
) -> None:
    apps, closed = list[str](), list[bytes]()

    def respond_once(connection: socket.socket, _: threading.Event) -> None:
        """Pass one request on to the app, and close at the next one."""
        line, *lines = read_head(connection).decode().split("\r\n")
        if not line:
            return
        method, path, _version = line.split(" ")
        own = http.client.HTTPConnection(apps[0], timeout=60)
        own.request(method, path, headers=dict(each.split(": ", 1) for each in lines if each))
        response = own.getresponse()
        body, headers = response.read(), response.getheaders()
        kept = [
            f"{name}: {value}"
            for name, value in headers
            if name.lower() not in ("connection", "content-length")
        ]
        head = "\r\n".join([f"HTTP/1.1 {response.status} Any", *kept, f"Content-Length: {len(body)}", "", ""])
        connection.sendall(head.encode("latin-1") + body)
        if begun := connection.recv(1):
            closed.append(begun)

    with raw_server(respond_once) as address:
        settings = {"app": address, "listen": f"127.0.0.1:{free_port()}", "proven": ["partner"]}
        with scene(tmp_path, variant, s3, ARCHIVES=settings) as running:
            apps.append(running.app.address)
            came = filled(running).get("large")
            assert (came.status, came.is_cut) == (200, False)
            assert came.body == running.expected("large")
            assert closed
