"""Nothing of the storage in what a user gets, no signature and no secret in any log."""

from __future__ import annotations

import contextlib
import http.client
import os
from pathlib import Path

import pytest

from tests.live.client import ask, send_target
from tests.live.conftest import Live, Places, build_of, config_text
from tests.live.small_disk import small_disk
from tests.live.stage import set_everywhere
from tests.servers.origin import Answer
from xaccel.tools.nginx import render
from xaccel_testing import AppServer, NginxServer, Variant, free_port, nginx_server


@pytest.fixture(scope="session", autouse=True)
def _stored(places: Places) -> None:
    places.s3.put(places.bucket, "secrets.txt", b"x" * 1000, "text/plain")
    places.s3.put(places.bucket, "large.bin", os.urandom(1 << 20))


def traces(places: Places) -> list[bytes]:
    """What only server and storage may know."""
    return [
        text.encode()
        for text in (
            places.bucket,
            places.other_bucket,
            places.s3.address,
            places.s3.access_key,
            places.s3.secret_key,
            places.origin.address,
            "X-Amz-Signature",
            "Seaweed",
            "Bearer partner",
            places.site.secrets[0],
        )
    ]


def test_no_response_to_a_user_names_the_storage(live: Live) -> None:
    live.places.origin.answer = lambda _: Answer(
        status=403, body=f"<Bucket>{live.places.bucket}</Bucket>".encode()
    )
    replies = [
        live.get(origin, key, method=method, headers=headers, options={"etag": etag} if etag else {})
        for origin in ("documents", "vhost", "cached", "partner", "tls-wrong-ca", "media")
        for key in ("secrets.txt", "missing")
        for method in ("GET", "HEAD", "POST")
        for headers in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=9999-"}, {"If-Match": '"x"'})
        for etag in ("", "v1")
    ]
    assert {reply.status for reply in replies} >= {200, 206, 404, 412, 416, 502}
    for reply in replies:
        seen = reply.everything()
        assert [trace for trace in traces(live.places) if trace in seen] == []


def require_clean(nginx: NginxServer, app: AppServer, places: Places) -> None:
    everything = nginx.error_log + nginx.access_log + (nginx.directory / "xaccel.log").read_text()
    for text in (*traces(places), b"Signature="):
        assert text.decode() not in everything
    for text in ("X-Amz-Signature", places.s3.secret_key, places.site.secrets[0]):
        assert text not in app.log


def test_no_log_has_a_signature_a_bucket_or_an_endpoint(live: Live) -> None:
    live.get("documents", "secrets.txt")
    live.get("documents", "missing")
    live.get("tls-wrong-ca", "x")
    live.get("tls-wrong-name", "x")
    live.places.origin.answer = lambda _: Answer(raw=b"HTTP/1.1 broken\r\n\r\n")
    with contextlib.suppress(http.client.HTTPException):
        live.get("partner", "x")
    live.places.origin.answer = lambda _: Answer(headers=[("Content-Length", "99")], body=b"cut", close=True)
    with pytest.raises(http.client.IncompleteRead):
        live.get("partner", "x")
    live.get(
        "documents", "secrets.txt", put={"Xaccel-Url": f"{live.places.s3.endpoint}/x?X-Amz-Signature=q w"}
    )
    require_clean(live.nginx, live.app, live.places)


def test_a_full_cache_disk_logs_no_signature_and_still_delivers(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path
) -> None:
    """The cache lies on a file system of 128 KB; NGINX's alerts about it name the upstream URL."""
    with small_disk(tmp_path / "nginx", "128k"):
        port = free_port()
        text = config_text(places.site, variant, app.address, port)
        with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
            asked = {"origin": "cached", "key": "large.bin", "options": {"cache_version": "full disk"}}
            for _ in range(2):
                # NGINX may find the disk full before it has sent the head
                with contextlib.suppress(http.client.IncompleteRead, http.client.RemoteDisconnected):
                    assert ask(port, send_target(asked)).status in (200, 502, 500)
            nginx.lines(2)
            require_clean(nginx, app, places)


@pytest.mark.parametrize("level", ["", "alert"])
def test_a_full_log_disk_is_reported_only_with_the_signature(
    variant: Variant, places: Places, app: AppServer, tmp_path: Path, level: str
) -> None:
    """NGINX reports it at `alert`, in the location's error log and with the upstream URL: so ours must drop it."""
    port, ours = free_port(), tmp_path / "ours.log"
    with small_disk(tmp_path / "small", "16k") as disk:
        parts = render(places.site, build_of(variant))
        if level:
            parts = set_everywhere(parts, "error_log", str(ours), level)
        text = config_text(places.site, variant, app.address, port, parts=parts)
        text = text.replace(" xaccel.log ", f" {disk}/xaccel.log ")
        assert f"{disk}/xaccel.log" in text
        with nginx_server(tmp_path / "nginx", text, binary=variant.binary, ready_port=port) as nginx:
            for _ in range(75):
                reply = ask(port, send_target({"origin": "documents", "key": "secrets.txt"}))
                assert (reply.status, len(reply.body)) == (200, 1000)
            assert (disk / "xaccel.log").read_bytes().count(b"\n") < 75
            if level:
                said = ours.read_text()
                assert "write() to" in said
                assert "X-Amz-Signature=" in said
            else:
                assert "write()" not in nginx.error_log + nginx.access_log
                assert "Signature" not in nginx.error_log + (disk / "xaccel.log").read_text()
