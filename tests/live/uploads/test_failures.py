"""A part of the way fails: the client is told, and nothing half-done is left."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

import pytest

from tests.conftest import on_all_builds, on_one_build
from tests.live.raw_server import raw_server, read_head
from tests.live.uploads.scene import Scene, another_nginx, scene
from xaccel_testing import S3Server, Variant, free_port
from xaccel_testing.servers.app import Kind
from xaccel_testing.servers.processes import wait_until

BODY = os.urandom(1_000_000)


def test_if_the_app_is_down_nothing_is_stored(flask_site: Scene, tmp_path: Path, variant: Variant) -> None:
    before = flask_site.objects()
    with another_nginx(flask_site, tmp_path, variant, app=f"127.0.0.1:{free_port()}") as site:
        reply = site.put(BODY, headers={"Accept": "application/json"})
        assert (reply.status, reply.one("Retry-After"), json.loads(reply.body)["status"]) == (503, "10", 503)
    assert flask_site.objects() == before


def test_if_the_storage_is_down_the_client_may_try_again(
    flask_site: Scene, tmp_path: Path, variant: Variant
) -> None:
    down = f"127.0.0.1:{free_port()}"
    with another_nginx(flask_site, tmp_path, variant, storage=down) as site:
        reply = site.put(BODY, headers={"Accept": "application/json"})
        assert (reply.status, b"try again" in reply.body) == (503, True)
        assert site.entry(status="503")["why"] == "origin_502"


NO_HEAD = (
    b"HTTP/1.1 0200 OK\r\nSet-Cookie: sessionid=x\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>"
)
"""NGINX takes it for HTTP/0.9, which has no head. A browser takes it for a response of the site."""


def send_no_head(connection: socket.socket, _: threading.Event) -> None:
    received = len(read_head(connection).partition(b"\r\n\r\n")[2])
    while received < len(BODY) and (block := connection.recv(65536)):
        received += len(block)
    connection.sendall(NO_HEAD)


@on_all_builds
def test_a_response_of_the_storage_that_is_not_http_reaches_no_client(
    flask_site: Scene, tmp_path: Path, variant: Variant
) -> None:
    with (
        raw_server(send_no_head) as storage,
        another_nginx(flask_site, tmp_path, variant, storage=storage) as site,
    ):
        head = {"X-User": "alice", "Content-Length": str(len(BODY)), "Connection": "close"}
        raw = site.head_of("/files/a", head, BODY)
        if variant.name == "wheel":  # it has neither njs nor the module `sub`
            assert raw == NO_HEAD
            return
        assert raw.startswith(b"HTTP/1.1 503 ")
        assert b"sessionid" not in raw
        assert b"script" not in raw
        assert site.entry(status="503")["why"] == "upload_failed"


def test_a_client_that_leaves_stores_nothing(flask_site: Scene) -> None:
    before = flask_site.objects()
    flask_site.begin({"X-User": "leaves", "Content-Length": str(len(BODY))}, BODY[:-1]).close()
    assert flask_site.entry(subject="leaves")["why"] == "client_left"
    assert flask_site.objects() == before


def test_a_client_that_leaves_after_the_last_byte_has_stored_it(flask_site: Scene) -> None:
    flask_site.begin({"X-User": "away", "Content-Length": str(len(BODY))}, BODY).close()
    told = []

    def is_told() -> bool:
        told[:] = [one for one in flask_site.told() if one["subject"] == "away"]
        return bool(told)

    assert wait_until(is_told, timeout_s=60)
    assert flask_site.objects()[told[0]["key"]] == len(BODY)


@on_one_build
@pytest.mark.parametrize(
    ("adapter", "kind"), [("starlette", "asgi"), ("asgi", "asgi"), ("wsgi", "wsgi"), ("aiohttp", "aiohttp")]
)
def test_other_adapters_have_the_same(
    tmp_path: Path, variant: Variant, s3: S3Server, adapter: str, kind: Kind
) -> None:
    with scene(tmp_path, variant, s3, adapter=adapter, kind=kind) as site:
        made = json.loads(site.put(BODY).body)
        assert (site.objects(), site.told()) == ({made["key"]: len(BODY)}, [made])
        assert site.put(BODY, "/files/a?max=1").status == 413
        reply = site.put(BODY, headers={"x-amz-checksum-crc32": "AAAAAA==", "Accept": "application/json"})
        assert (reply.status, json.loads(reply.body)["status"]) == (422, 422)
        assert (
            site.put(BODY, headers={"Content-Type": "image/png"}, path="/files/a?types=text/*").status == 415
        )
        assert len(site.objects()) == 1
