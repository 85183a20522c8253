"""An upload is stored, and the app's response is the client's."""

from __future__ import annotations

import json
import os
import socket

from tests.live.client import ask
from tests.live.uploads.scene import Scene, crc32_of
from xaccel_testing.servers.processes import wait_until


def test_an_upload_is_stored_and_the_response_is_the_apps(flask_site: Scene) -> None:
    body = os.urandom(3_000_001)
    reply = flask_site.put(
        body, headers={"Content-Type": "image/png; x=y", "x-amz-checksum-crc32": crc32_of(body)}
    )
    assert reply.status == 201
    made = json.loads(reply.body)
    assert (made["size"], made["content_type"], made["subject"]) == (len(body), "image/png", "alice")
    stored = flask_site.s3.client().get_object(Bucket=flask_site.bucket, Key=made["key"])
    assert (stored["Body"].read() == body, stored["ContentType"], stored["ETag"]) == (
        True,
        "image/png",
        made["etag"],
    )
    entry = flask_site.entry(id=made["id"])
    assert (entry["kind"], entry["status"], entry["origin_status"], entry["why"]) == (
        "upload",
        "201",
        "200",
        "",
    )

    # the same path may send it: other requests than PUT are the app's as ever
    sent = ask(flask_site.nginx.port, f"/files/a?key={made['key']}")
    assert (sent.status, sent.body) == (200, body)


def test_nothing_is_written_to_disk(flask_site: Scene) -> None:
    """NGINX has taken all of the body but its last byte, and has no file of it."""
    size = 8_000_000
    head = f"PUT /files/a HTTP/1.1\r\nHost: a\r\nX-User: slow\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", flask_site.nginx.port), timeout=60) as connection:
        connection.sendall(head.encode() + bytes(size - 1))
        assert [path for path in (flask_site.nginx.directory / "tmp").rglob("*") if path.is_file()] == []
        connection.sendall(b"x")
        assert connection.recv(12) == b"HTTP/1.1 201"
    assert wait_until(lambda: any(one["subject"] == "slow" for one in flask_site.told()), timeout_s=60)
