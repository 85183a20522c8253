"""Does the app's memory grow with the files that are downloaded?

The app under gunicorn, behind NGINX, with its files in a real S3 server. Memory is that of all of gunicorn's
processes: when its workers are ready, when each has made one hand-off, at most while the downloads run, and after.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure.processes import memory, peak
from benchmarks.measure.question import Question, Size, Table, Target, require

if TYPE_CHECKING:
    from xaccel_testing import AppServer, NginxServer, S3Server, Variant

_ROOT = Path(__file__).parents[2]
_BLOCK = 1024 * 1024
_BLOCKS = {"full": 1024, "quick": 128, "smoke": 32}
_DOWNLOADS = {"full": 10, "quick": 10, "smoke": 4}
_WORKERS = 2
_LIMIT_MB = 5


@dataclass(frozen=True, slots=True)
class _Object:
    path: Path
    size: int
    sha256: str


def answer(size: Size) -> list[Table]:
    """Download the same object again and again, every byte checked, and look at the app meanwhile."""
    from xaccel_testing import app_server, s3_server

    with _directory() as folder, s3_server(folder / "s3") as s3:
        from benchmarks.servers.app import BUCKET, KEY

        stored = _object(folder / "object", _BLOCKS[size])
        s3.create_bucket(BUCKET)
        s3.put(BUCKET, KEY, stored.path)
        stored.path.unlink()
        settings = _settings(s3)
        env = {"BENCH_SITE": json.dumps(settings), "PYTHONPATH": str(_ROOT)}
        (folder / "app").mkdir()
        with (
            app_server(
                folder / "app", "benchmarks.servers.app:application", env=env, cwd=_ROOT, workers=_WORKERS
            ) as app,
            _nginx(folder / "nginx", settings, app) as (variant, nginx),
        ):
            return [_measure(size, stored, app, nginx, variant)]


def _measure(size: Size, stored: _Object, app: AppServer, nginx: NginxServer, variant: Variant) -> Table:
    ready = memory(app.pids)
    _warm(app)
    before, pids = memory(app.pids), app.pids
    start = time.perf_counter()
    with peak(lambda: pids) as most:
        for _ in range(_DOWNLOADS[size]):
            _download(nginx.port, stored)
    seconds = time.perf_counter() - start
    after = memory(pids)
    lines = nginx.lines(_DOWNLOADS[size])
    require(
        [line["body_bytes"] for line in lines] == [stored.size] * _DOWNLOADS[size],
        f"NGINX's log tells other sizes: {[line['body_bytes'] for line in lines]}",
    )
    require(app.pids == pids, "gunicorn replaced a worker")
    megabytes = stored.size / 1e6
    states = (
        ("workers ready, no request yet", ready.pss, ready.anonymous),
        ("each worker has made one hand-off", before.pss, before.anonymous),
        ("at most during the downloads", most.pss, most.anonymous),
        ("after the downloads", after.pss, after.anonymous),
    )
    return Table(
        title=f"The app's memory over {_DOWNLOADS[size]} downloads of {megabytes:,.0f} MB",
        columns=("state", "PSS, MB", "growth, MB", "anonymous, MB", "its growth, MB"),
        rows=tuple(
            (name, pss / 1e6, (pss - before.pss) / 1e6, own / 1e6, (own - before.anonymous) / 1e6)
            for name, pss, own in states
        ),
        note=f"gunicorn with {_WORKERS} sync workers, NGINX ({variant.name}), SeaweedFS; SHA-256 of every download was"
        f" right.\n{most.looks} measurements of {len(pids)} processes;"
        f" {_DOWNLOADS[size] * megabytes / seconds:,.0f} MB/s, including the comparison."
        + ("" if size == "full" else "\nThe goal is for ten downloads of 1 GB: without --quick or --smoke."),
        targets=(
            Target(
                what="growth of PSS after the downloads",
                limit=_LIMIT_MB,
                measured=(after.pss - before.pss) / 1e6,
                unit="MB",
                timed=False,
            ),
            Target(
                what="highest growth of PSS during the downloads",
                limit=_LIMIT_MB,
                measured=(most.pss - before.pss) / 1e6,
                unit="MB",
                timed=False,
            ),
        ),
    )


@contextmanager
def _directory() -> Iterator[Path]:
    parent = _ROOT / ".xaccel"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
        yield Path(name)


def _object(path: Path, blocks: int) -> _Object:
    """Write blocks of which no two are equal, so that a lost, doubled or swapped one is found."""
    digest, block = hashlib.sha256(), bytearray(secrets.token_bytes(_BLOCK))
    with path.open("wb") as file:
        for number in range(blocks):
            block[:8] = number.to_bytes(8)
            digest.update(block)
            file.write(block)
    return _Object(path, blocks * _BLOCK, digest.hexdigest())


def _settings(s3: S3Server) -> dict[str, Any]:
    from benchmarks.servers.app import BUCKET, REGION

    options = {
        "bucket": BUCKET,
        "endpoint_url": s3.endpoint,
        "region": REGION,
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
    }
    return {
        "SECRET": secrets.token_urlsafe(32),
        "ORIGINS": {"s3": {"type": "s3", **options}},
    }


@contextmanager
def _nginx(folder: Path, settings: dict[str, Any], app: AppServer) -> Iterator[tuple[Variant, NginxServer]]:
    from xaccel.site import read_mapping
    from xaccel.tools.nginx import probe, standalone
    from xaccel_testing import free_port, nginx_server, variants

    found = [variant for variant in variants().values() if not variant.missing]
    require(bool(found), "no NGINX was found: run scripts/system")
    variant = found[0]
    folder.mkdir()
    port = free_port()
    text = standalone(
        read_mapping.read(settings),
        probe(variant.binary, njs=variant.njs, headers_more=False),
        listen=f"127.0.0.1:{port}",
        app=app.address,
        root_user="root" if os.geteuid() == 0 else None,
    )
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield variant, nginx


def _warm(app: AppServer, *, timeout_s: float = 30) -> None:
    """Ask the app itself until each worker has made a hand-off; nobody fetches the object."""
    host, _, port = app.address.rpartition(":")
    seen: set[str] = set()
    deadline = time.monotonic() + timeout_s
    while len(seen) < _WORKERS:
        require(time.monotonic() < deadline, f"of {_WORKERS} workers only {len(seen)} answered")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/worker/s3")
        response = connection.getresponse()
        require(response.getheader("X-Accel-Redirect") is not None, f"no hand-off: {response.status}")
        seen.add(response.getheader("X-Worker", ""))
        connection.close()


def _download(port: int, stored: _Object) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/answer/s3")
    response = connection.getresponse()
    require(response.status == 200, f"NGINX answered {response.status}")
    digest, size, buffer = hashlib.sha256(), 0, memoryview(bytearray(_BLOCK))
    while count := response.readinto(buffer):
        digest.update(buffer[:count])
        size += count
    connection.close()
    require(
        size == stored.size and digest.hexdigest() == stored.sha256, f"wrong bytes: {size} of {stored.size}"
    )


QUESTION = Question(
    asks="whether the app's memory grows with the files that are downloaded",
    answer=answer,
    alone=True,  # a page that two programs share counts half, until one of them ends
)
