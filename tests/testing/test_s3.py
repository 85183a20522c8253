"""The S3 server of xaccel_testing: verifies signatures, keeps its directory, nothing left."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.small_disk import small_disk
from tests.testing.asking import get, gone
from xaccel_testing import S3Server, free_ports, s3_server
from xaccel_testing.servers.processes import command_line


def strays(ports: list[tuple[str, str]]) -> list[Path]:
    """Return the sockets of SeaweedFS outside its directory. ports: the role and the port of each."""
    paths = [Path(f"/tmp/seaweedfs-{role}-grpc-{port}.sock") for role, port in ports]
    return [path for path in paths if path.exists()]


def test_stores_files_and_verifies_signatures(s3: S3Server, tmp_path: Path) -> None:
    s3.create_bucket("stack-test")
    content = os.urandom(17 * 1024 * 1024)  # in parts
    (tmp_path / "large").write_bytes(content)
    s3.put("stack-test", "a b", tmp_path / "large", "text/x-test")
    found = s3.client().get_object(Bucket="stack-test", Key="a b")
    assert (found["Body"].read(), found["ContentType"]) == (content, "text/x-test")
    url = s3.client().generate_presigned_url("get_object", Params={"Bucket": "stack-test", "Key": "a b"})
    assert get(url) == content
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(url[:-1] + ("0" if url[-1] != "0" else "1"))


def test_leaves_nothing_and_keeps_its_directory(tmp_path: Path) -> None:
    with s3_server(tmp_path, stop_within_s=60) as first:
        first.create_bucket("kept")
        first.put("kept", "object", b"here")
        pids = first.pids
        ports = re.findall(r"-(\w+)\.port\.grpc=([0-9]+)", command_line(first.server.pid))
        assert len(ports) == 5
        assert strays(ports)
    assert gone(pids)
    assert not strays(ports)
    with s3_server(tmp_path) as second:
        assert second.access_key == first.access_key
        assert second.client().get_object(Bucket="kept", Key="object")["Body"].read() == b"here"
        pids = second.pids
    assert gone(pids)
    assert {path.name for path in tmp_path.iterdir()} >= {"data", "s3.json", "s3.log"}


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="planted.txt"\r\n\r\nplanted\r\n--x--\r\n'
)
ATTEMPTS = {
    "master": [
        ("GET", "/dir/assign"),
        ("GET", "/dir/lookup?volumeId=1"),
        ("POST", "/submit"),
        ("POST", "/col/delete?collection=private"),
    ],
    "volume": [("GET", "/1,017a3c5f2b"), ("POST", "/1,017a3c5f2b"), ("DELETE", "/1,017a3c5f2b")],
    "filer": [
        ("GET", "/buckets/private/?limit=9"),
        ("GET", "/buckets/private/object"),
        ("POST", "/buckets/private/"),
        ("DELETE", "/buckets/private/object"),
    ],
    "s3": [("GET", "/private/object"), ("POST", "/private/"), ("DELETE", "/private/object")],
    "admin": [("GET", "/")],
}
"""What another user of the machine, or a page of another host by a form, could ask of each part."""


def attempts(ports: dict[str, int]) -> dict[str, int]:
    """Return the status of each attempt."""
    found = {}
    for role, requests in ATTEMPTS.items():
        for method, path in requests:
            connection = http.client.HTTPConnection("127.0.0.1", ports[role], timeout=60)
            form = {"Content-Type": "multipart/form-data; boundary=x"} if method == "POST" else {}
            headers = {"Host": "evil.example", "Origin": "http://evil.example", **form}
            connection.request(method, path, FORM if form else None, headers)
            found[f"{role} {method} {path}"] = connection.getresponse().status
            connection.close()
    return found


def greetings(port: int) -> list[str]:
    """Return what a gRPC port sends to a client without TLS, and to one without a certificate, in hex."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    anybody.set_alpn_protocols(["h2"])
    said = []
    for wrap in (lambda plain: plain, anybody.wrap_socket):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as plain:
            connection = wrap(plain)
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
            said.append(connection.recv(9).hex())
    return said


def as_nobody(work: Callable[[], Any]) -> Any:
    """Return what another user of this machine gets."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        with contextlib.suppress(BaseException):
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
            os.write(writer, json.dumps(work()).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as found:
        text = found.read()
    os.waitpid(child, 0)
    return json.loads(text)


def test_other_users_and_pages_of_other_hosts_reach_only_the_s3_api(tmp_path: Path) -> None:
    with s3_server(tmp_path) as s3:
        s3.create_bucket("private")
        s3.put("private", "object", b"here")
        words = command_line(s3.server.pid)
        ports = {role: int(port) for role, port in re.findall(r"-(\w+)\.port=([0-9]+)", words) if port != "0"}
        inner = [int(port) for port in re.findall(r"grpc=([0-9]+)", words)]
        statuses = as_nobody(lambda: attempts(ports))
        assert {name: status for name, status in statuses.items() if status not in (400, 401, 403, 404)} == {}
        # the beginning of HTTP/2's SETTINGS would be from a server that talks
        said = as_nobody(lambda: [greetings(port) for port in inner])
        assert not any(frame.startswith("0000") for frames in said for frame in frames), said
        assert (len(statuses), len(said)) == (15, 5)
        listed = s3.client().list_objects_v2(Bucket="private")["Contents"]
        assert [found["Key"] for found in listed] == ["object"]
        assert s3.client().get_object(Bucket="private", Key="object")["Body"].read() == b"here"


def test_port_taken_in_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quicker:
        of_the_api = free_ports(10)
        of_the_api[6] = quicker.getsockname()[1]
        offers = [free_ports(10), of_the_api]
        monkeypatch.setattr("xaccel_testing.servers.s3.free_ports", lambda count: offers.pop())
        with s3_server(tmp_path) as s3:
            s3.create_bucket("after-all")
    assert not offers


def test_a_small_disk_holds_many_buckets(tmp_path: Path) -> None:
    """Not one volume of up to 1 GB a bucket: 57 GB free were not enough for 57 buckets."""
    with small_disk(tmp_path, "300m", "s3") as disk, s3_server(disk) as s3:
        for number in range(20):
            s3.create_bucket(f"bucket-{number}")
            s3.put(f"bucket-{number}", "object", b"here")
        assert s3.client().get_object(Bucket="bucket-15", Key="object")["Body"].read() == b"here"
        assert shutil.disk_usage(disk).used < 100_000_000
