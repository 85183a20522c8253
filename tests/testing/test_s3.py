"""The S3 server of xaccel.testing: verifies signatures, keeps its directory, nothing left."""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.live.small_disk import small_disk
from tests.testing.asking import get, gone
from xaccel.servers.processes import command_line
from xaccel.testing import S3Server, free_ports, s3_server


def strays(ports: list[str]) -> list[Path]:
    """Sockets of SeaweedFS outside its directory."""
    return [path for path in Path("/tmp").glob("seaweedfs-*.sock") if path.stem.rpartition("-")[2] in ports]


def test_stores_and_verifies_signatures(s3: S3Server) -> None:
    s3.create_bucket("stack-test")
    s3.put("stack-test", "a b", b"bytes", "text/x-test")
    found = s3.client().get_object(Bucket="stack-test", Key="a b")
    assert (found["Body"].read(), found["ContentType"]) == (b"bytes", "text/x-test")
    url = s3.client().generate_presigned_url("get_object", Params={"Bucket": "stack-test", "Key": "a b"})
    assert get(url) == b"bytes"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(url[:-1] + ("0" if url[-1] != "0" else "1"))


def test_large_file_in_parts(s3: S3Server, tmp_path: Path) -> None:
    s3.create_bucket("stack-parts")
    content = os.urandom(17 * 1024 * 1024)
    (tmp_path / "large").write_bytes(content)
    s3.put("stack-parts", "large", tmp_path / "large", "application/x-large")
    found = s3.client().get_object(Bucket="stack-parts", Key="large")
    assert found["Body"].read() == content
    assert found["ContentType"] == "application/x-large"


def test_leaves_nothing_and_keeps_its_directory(tmp_path: Path) -> None:
    with s3_server(tmp_path, stop_within_s=10) as first:
        first.create_bucket("kept")
        first.put("kept", "object", b"here")
        pids = first.pids
        ports = re.findall(r"grpc=([0-9]+)", command_line(first.server.pid))
        assert len(ports) == 5
        assert strays(ports)
    assert gone(pids)
    assert not strays(ports)
    with s3_server(tmp_path) as second:
        assert second.access_key == first.access_key
        assert second.client().get_object(Bucket="kept", Key="object")["Body"].read() == b"here"
        pids = second.pids
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert gone(pids)
    assert {path.name for path in tmp_path.iterdir()} >= {"data", "s3.json", "s3.log"}


@pytest.mark.parametrize("index", [0, 6], ids=["master", "s3"])
def test_port_taken_in_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quicker:
        first = free_ports(10)
        first[index] = quicker.getsockname()[1]
        offers = [free_ports(10), first]
        monkeypatch.setattr("xaccel.servers.s3.free_ports", lambda count: offers.pop())
        with s3_server(tmp_path) as s3:
            s3.create_bucket("after-all")
    assert not offers


BUCKETS = 60
"""More than the whole suite makes (57 on 26 November 2026)."""
SIZES = [0, 5, 20_000, 2_000_000]
"""Bytes of objects of the live tests; one of 17 MB is stored in parts."""


def test_a_small_disk_holds_the_buckets_of_the_whole_suite(tmp_path: Path) -> None:
    """Not one volume of up to 1 GB a bucket: 57 GB free were not enough for 57 buckets."""
    content = os.urandom(max(SIZES))
    (tmp_path / "large").write_bytes(content * 9)
    with small_disk(tmp_path, "300m", "s3") as disk, s3_server(disk) as s3:
        for number in range(BUCKETS):
            s3.create_bucket(f"bucket-{number}")
            for size in SIZES if number % 10 == 0 else SIZES[:3]:
                s3.put(f"bucket-{number}", f"{size}", content[:size])
        s3.put("bucket-0", "large", tmp_path / "large")
        for size in SIZES:
            body = s3.client().get_object(Bucket="bucket-50", Key=f"{size}")["Body"].read()
            assert body == content[:size]
        assert shutil.disk_usage(disk).used < 100_000_000
