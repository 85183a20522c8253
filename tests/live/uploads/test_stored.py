"""An upload is stored, and the app's response is the client's."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.live.client import ask
from tests.live.uploads.scene import Scene, crc32_of
from xaccel import Sender
from xaccel.features.uploads.decide import Upload
from xaccel.features.uploads.receive import accept
from xaccel.handoff.headers import decision_note
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
    assert entry["note"] == decision_note(key=made["key"])

    # the same path may send it: other requests than PUT are the app's as ever
    sent = ask(flask_site.nginx.port, f"/files/a?key={made['key']}")
    assert (sent.status, sent.body) == (200, body)


def test_nothing_is_written_to_disk(flask_site: Scene) -> None:
    """NGINX has taken all of the body but its last byte, and has no file of it."""
    size = 8_000_000
    with flask_site.begin({"X-User": "slow", "Content-Length": str(size)}, bytes(size - 1)) as connection:
        assert [path for path in (flask_site.nginx.directory / "tmp").rglob("*") if path.is_file()] == []
        connection.sendall(b"x")
        assert connection.recv(12) == b"HTTP/1.1 201"
    assert wait_until(lambda: any(one["subject"] == "slow" for one in flask_site.told()), timeout_s=60)


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000])
def test_each_size_arrives_over_http_2_too(flask_site: Scene, tmp_path: Path, size: int) -> None:
    file = tmp_path / "file.bin"
    file.write_bytes(os.urandom(size))
    url = f"http://127.0.0.1:{flask_site.nginx.port}/files/a"
    for version in ("--http1.1", "--http2-prior-knowledge"):
        command = ["curl", "-sS", version, "-T", str(file), "-H", "X-User: alice", url]
        made = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
        stored = flask_site.s3.client().get_object(Bucket=flask_site.bucket, Key=made["key"])["Body"].read()
        assert (made["size"], stored) == (size, file.read_bytes())


def test_an_object_is_never_replaced(flask_site: Scene) -> None:
    """The PUT is signed with If-None-Match, so that a signature that is used again changes nothing."""
    upload = Upload("1", "documents", "", "uploads/there", 3, "text/plain", "", "")
    flask_site.s3.client().put_object(Bucket=flask_site.bucket, Key=upload.key, Body=b"old")
    url = dict(accept(Sender(flask_site.site), upload).headers)["Xaccel-Url"]
    for condition, statuses in (({"If-None-Match": "*"}, {412}), ({}, {400, 403})):
        headers = {"Content-Type": "text/plain", "Content-Length": "3", **condition}
        asked = urllib.request.Request(url, b"new", headers, method="PUT")
        with pytest.raises(HTTPError) as error:
            urllib.request.urlopen(asked, timeout=60)
        error.value.close()
        assert error.value.code in statuses
    found = flask_site.s3.client().get_object(Bucket=flask_site.bucket, Key=upload.key)
    assert found["Body"].read() == b"old"
