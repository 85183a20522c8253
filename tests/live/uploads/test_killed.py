"""NGINX, the app and clients are killed while files are uploaded: afterwards rows and objects are the same."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.live.client import ask
from tests.live.uploads.scene import Browser, Scene, scene
from xaccel_testing import S3Server, Variant
from xaccel_testing.servers.processes import family

pytestmark = pytest.mark.variants("deb-njs")  # nothing that is killed here differs among the builds


@pytest.mark.parametrize("number", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_rows_and_objects_are_the_same(tmp_path: Path, variant: Variant, s3: S3Server, number: int) -> None:
    with scene(tmp_path, variant, s3, uploads={"at_once": 2000}) as site:
        stored = upload_and_kill(site, number)
        site.in_project(f"call_command('xaccel', 'ingest', {str(site.nginx.directory / 'xaccel.log')!r})")
        for _ in range(2):  # the first one settles, the second one deletes what was given up
            site.in_project("call_command('xaccel', 'sweep', '--older', '0')")
        code = (
            "import json\nfrom xaccel.django.uploads.models import Upload\n"
            "print(json.dumps([list(row) for row in Upload.objects.values_list('state', 'key', 'size')]))"
        )
        rows = json.loads(site.in_project(code))
        assert Counter(state for state, _, _ in rows).keys() <= {"stored", "gone"}
        assert {key: size for state, key, size in rows if state == "stored"} == site.objects()
        assert 0 < stored <= len(site.objects())


def upload_and_kill(site: Scene, number: int) -> int:
    """Upload files in eight threads, one of five cut and one of ten with a wrong CRC-32, while a worker of NGINX or
    of the app is killed after each tenth. Return how many clients got a 201.
    """
    browser, ended = Browser(site), threading.Semaphore(0)
    rng = random.Random(7)

    def upload(body: bytes, kind: float) -> int:
        try:
            if kind < 0.2:
                return cut(site, browser, body)
            wrong = {"x-amz-checksum-crc32": "AAAAAA=="} if kind < 0.3 else {}
            return browser.put(body, **wrong).status
        except (OSError, HTTPException):  # the worker was killed
            return 0
        finally:
            ended.release()

    with ThreadPoolExecutor(8) as threads:
        jobs = [
            threads.submit(upload, rng.randbytes(rng.randrange(1, 300_000)), rng.random())
            for _ in range(number)
        ]
        for turn in range(number // 10):
            for _ in range(10):
                assert ended.acquire(timeout=120)
            victim = nginx_worker(site) if turn % 2 else app_worker(site)
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        return sum(job.result() == 201 for job in jobs)


def cut(site: Scene, browser: Browser, body: bytes) -> int:
    """Send half of a file and leave."""
    headers = {**browser.headers, "X-User": "alice", "Content-Length": str(len(body))}
    lines = ["PUT /files/a HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    with socket.create_connection(("127.0.0.1", site.nginx.port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode() + body[: len(body) // 2])
    return 0


def nginx_worker(site: Scene) -> int:
    master = int((site.nginx.directory / "nginx.pid").read_text())
    return next(pid for pid in reversed(family(master)) if pid != master)


def app_worker(site: Scene) -> int:
    """A worker of the app, which says so itself; the server starts another one."""
    while True:
        with suppress(OSError, HTTPException, ValueError):
            return int(ask(int(site.app.address.rpartition(":")[2]), "/files/pid").body)
