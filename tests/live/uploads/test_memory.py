"""A large upload costs NGINX and the app no memory and no disk."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from tests.live.uploads.scene import Browser, Scene, scene
from xaccel_testing import S3Server, Variant
from xaccel_testing.servers.processes import family, wait_until

GROWTH = 2 << 20
"""Bytes: two buffers of 128 KB for the client and two of 16 KB for the storage, with what the allocator rounds up."""


@pytest.mark.parametrize("size", [64 << 20, pytest.param(5 << 30, marks=pytest.mark.slow)])
def test_a_large_upload_grows_nothing(tmp_path: Path, variant: Variant, s3: S3Server, size: int) -> None:
    with scene(tmp_path, variant, s3) as site:
        file = tmp_path / "large.bin"
        with file.open("wb") as sparse:
            sparse.truncate(size)
        browser = Browser(site)
        assert browser.put(b"warm").status == 201
        master = int((site.nginx.directory / "nginx.pid").read_text())
        before, most, files, ended = rss(master), 0, set[Path](), threading.Event()

        def watch() -> None:
            nonlocal most
            while not ended.wait(0.05):
                most = max(most, rss(master))
                files.update(path for path in (site.nginx.directory / "tmp").rglob("*") if path.is_file())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            came = curl(site, browser, file)
        finally:
            ended.set()
            watcher.join()
        assert wait_until(lambda: site.objects().get(json.loads(came)["key"]) == size, timeout_s=120)
        assert files == set()
        assert most - before <= GROWTH, f"{(most - before) / 1e6:.1f} MB"


def rss(master: int) -> int:
    """The memory of all processes of NGINX."""
    total = 0
    for pid in family(master):
        try:
            total += psutil.Process(pid).memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def curl(site: Scene, browser: Browser, file: Path) -> bytes:
    headers = [item for name, value in browser.headers.items() for item in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", "-T", str(file), *headers, f"http://127.0.0.1:{site.nginx.port}/files/a"]
    return subprocess.run(command, capture_output=True, check=True, timeout=3000).stdout
