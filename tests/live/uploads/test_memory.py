"""A large upload costs NGINX and the app no memory and no disk."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.conftest import on_one_build
from tests.live.uploads.parts import Client, row
from tests.live.uploads.scene import Browser, Scene, scene
from xaccel_testing import AppServer, NginxServer, S3Server, Variant
from xaccel_testing.servers.processes import wait_until

GROWTH = 3 << 20
"""Bytes: two buffers of 384 KB for the client and two of 16 KB for the storage, with what the allocator rounds up. It
was 2.15 MB when a worker took the large upload that had had none before."""


@pytest.mark.parametrize("size", [64 << 20, pytest.param(5 << 30, marks=pytest.mark.slow)])
def test_a_large_upload_grows_nothing(tmp_path: Path, variant: Variant, s3: S3Server, size: int) -> None:
    with scene(tmp_path, variant, s3) as site:
        file = tmp_path / "large.bin"
        with file.open("wb") as sparse:
            sparse.truncate(size)
        browser = Browser(site)
        assert browser.put(b"warm").status == 201
        with watched(site) as seen:
            came = curl(site, browser, file)
        assert wait_until(lambda: site.objects().get(json.loads(came)["key"]) == size, timeout_s=120)
        assert seen.files == set()
        assert seen.nginx <= GROWTH, f"{seen.nginx / 1e6:.1f} MB"


@pytest.mark.slow
@on_one_build
def test_10_gb_in_parts_grow_nothing(tmp_path: Path, variant: Variant, s3: S3Server) -> None:
    with scene(tmp_path, variant, s3, uploads={"resumable": "draft-15"}) as site:
        size, most = 10 << 30, 8 << 20
        client, part = Client(Browser(site), size=size), bytes(most)
        client.begin()
        offsets = range(0, size, most)
        for offset in offsets[:50]:  # both workers of the app have done all that a part needs
            assert client.append(offset, part).status == 204
        with watched(site) as seen:
            statuses = [client.append(offset, part).status for offset in offsets[50:]]
        assert statuses == [204] * (len(statuses) - 1) + [201]
        assert site.objects()[row(client)[0]] == size
        assert seen.files == set()
        print(f"NGINX grew by {seen.nginx / 1e6:.1f} MB, the app by {seen.app / 1e6:.1f} MB")
        assert max(seen.nginx, seen.app) <= GROWTH


@dataclass
class Seen:
    """How many bytes NGINX and the app grew, and the files that NGINX made."""

    nginx: int = 0
    app: int = 0
    files: set[Path] = field(default_factory=set)


@contextmanager
def watched(site: Scene) -> Iterator[Seen]:
    """Watch NGINX and the app meanwhile."""
    seen, ended = Seen(), threading.Event()
    nginx, app = rss(site.nginx), rss(site.app)

    def watch() -> None:
        while not ended.wait(0.05):
            seen.nginx = max(seen.nginx, rss(site.nginx) - nginx)
            seen.app = max(seen.app, rss(site.app) - app)
            seen.files.update(path for path in (site.nginx.directory / "tmp").rglob("*") if path.is_file())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def rss(server: NginxServer | AppServer) -> int:
    """The memory of all processes of a server."""
    total = 0
    for pid in server.pids:
        try:
            total += psutil.Process(pid).memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def curl(site: Scene, browser: Browser, file: Path) -> bytes:
    headers = [item for name, value in browser.headers.items() for item in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", "-T", str(file), *headers, f"http://127.0.0.1:{site.nginx.port}/files/a"]
    return subprocess.run(command, capture_output=True, check=True, timeout=3000).stdout
