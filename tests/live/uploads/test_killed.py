"""NGINX, app, storage and clients are killed while files are uploaded: afterwards rows and objects are the same.

`scripts/test soak uploads` has 1,000 uploads, and only there the storage is killed too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from http.client import HTTPException
from itertools import cycle
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.live.client import ask
from tests.live.uploads.scene import Browser, Scene, crc32_of, scene
from xaccel_testing import S3Server, Variant, s3_server
from xaccel_testing.servers.processes import family, running

pytestmark = pytest.mark.variants("deb-njs")  # nothing that is killed here differs among the builds

SOAK = 1000
ROWS = """
import json
from xaccel.django.uploads.models import Upload
print(json.dumps([list(row) for row in Upload.objects.values_list('state', 'key', 'size', 'crc32')]))
"""


@pytest.mark.parametrize("number", [60, pytest.param(SOAK, marks=pytest.mark.slow)])
def test_rows_and_objects_are_the_same(tmp_path: Path, variant: Variant, s3: S3Server, number: int) -> None:
    with ExitStack() as stack:
        if number == SOAK:
            s3 = stack.enter_context(s3_server(tmp_path / "storage"))
        site = stack.enter_context(scene(tmp_path, variant, s3, uploads={"at_once": 2 * SOAK}))
        kills = [partial(kill, nginx_worker, site), partial(kill, app_worker, site)]
        if number == SOAK:
            kills = [*kills * 5, Storage(site, tmp_path, stack).kill]
        statuses = upload_and_kill(site, number, kills)
        site.in_project(f"call_command('xaccel', 'ingest', {str(site.nginx.directory / 'xaccel.log')!r})")
        for _ in range(2):  # the first one settles, the second one deletes what was given up
            site.in_project("call_command('xaccel', 'sweep', '--older', '0')")
        rows = json.loads(site.in_project(ROWS))
        states = Counter(state for state, *_ in rows)
        print(f"responses: {dict(statuses)}; rows: {dict(states)}")
        assert states.keys() <= {"stored", "gone"}
        assert [*objects(site)] == sorted(row for state, *row in rows if state == "stored")
        assert 0 < statuses[201] <= states["stored"]


def objects(site: Scene) -> Iterator[list[object]]:
    """Yield key, size and CRC-32 of each object in the bucket."""
    for key, size in sorted(site.objects().items()):
        body = site.s3.client().get_object(Bucket=site.bucket, Key=key)["Body"].read()
        yield [key, size, crc32_of(body)]


def upload_and_kill(site: Scene, number: int, kills: Sequence[Callable[[], object]]) -> Counter[int]:
    """Upload files in eight threads, one of five cut and one of ten with a wrong CRC-32, while one of `kills` is called
    after each tenth. Return the statuses of the responses; 0: none came. No upload begins during a kill.
    """
    browser, ended, may_begin = Browser(site), threading.Semaphore(0), threading.Event()
    rng = random.Random(7)
    may_begin.set()

    def upload(body: bytes, kind: float) -> int:
        checksum = {"x-amz-checksum-crc32": crc32_of(b"" if 0.2 <= kind < 0.3 else body)}
        assert may_begin.wait(600)
        try:
            return cut(site, browser, body) if kind < 0.2 else browser.put(body, **checksum).status
        except (OSError, HTTPException):  # the worker was killed
            return 0
        finally:
            ended.release()

    with ThreadPoolExecutor(8) as threads:
        jobs = [
            threads.submit(upload, rng.randbytes(rng.randrange(1, 300_000)), rng.random())
            for _ in range(number)
        ]
        for _, kill_one in zip(range(number // 10), cycle(kills), strict=False):
            for _ in range(10):
                assert ended.acquire(timeout=120)
            may_begin.clear()
            try:
                kill_one()
            finally:
                may_begin.set()
        return Counter(job.result() for job in jobs)


def cut(site: Scene, browser: Browser, body: bytes) -> int:
    """Send half of a file and leave."""
    headers = {**browser.headers, "X-User": "alice", "Content-Length": str(len(body))}
    site.begin(headers, body[: len(body) // 2]).close()
    return 0


def kill(find: Callable[[Scene], int], site: Scene) -> None:
    with suppress(ProcessLookupError):
        os.kill(find(site), signal.SIGKILL)


class Storage:
    """The storage, which is killed and starts again as it was."""

    def __init__(self, site: Scene, folder: Path, stack: ExitStack) -> None:
        self.site, self.folder, self.stack, self.pid = site, folder, stack, site.s3.server.pid

    def kill(self) -> None:
        process = psutil.Process(self.pid)
        command, folder, env = process.cmdline(), Path(process.cwd()), process.environ()
        process.kill()
        process.wait()
        again = running(command, name="again", directory=self.folder, ready=self.stores, env=env, cwd=folder)
        self.pid = self.stack.enter_context(again).pid

    def stores(self, _: int) -> bool:
        try:
            self.site.s3.put(self.site.bucket, "again", b"again")
            self.site.s3.client().delete_object(Bucket=self.site.bucket, Key="again")
        except (BotoCoreError, ClientError):
            return False
        return True


def nginx_worker(site: Scene) -> int:
    master = int((site.nginx.directory / "nginx.pid").read_text())
    return next(pid for pid in reversed(family(master)) if pid != master)


def app_worker(site: Scene) -> int:
    """A worker of the app, which says so itself; the server starts another one."""
    while True:
        with suppress(OSError, HTTPException, ValueError):
            return int(ask(int(site.app.address.rpartition(":")[2]), "/files/pid").body)
