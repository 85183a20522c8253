"""Storages and application servers of the contenders."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders.place import Place
from xaccel.tools.nginx.emit import Directive, block, directive, emit
from xaccel_testing import app_server, free_port, nginx_server, s3_server
from xaccel_testing.servers.processes import running

ROOT = Path(__file__).parents[2]
BUCKET, REGION = "documents", "us-east-1"
DJANGO = "benchmarks.contenders.project:application"
STARLETTE = "benchmarks.contenders.starlette_stream:application"


@dataclass(frozen=True, slots=True)
class App:
    """An application server. address: as NGINX's `server` takes it."""

    address: str
    pids: Callable[[], list[int]]


@contextmanager
def gunicorn(folder: Path, env: Mapping[str, str], workers: int, application: str = DJANGO) -> Iterator[App]:
    """Django under gunicorn's sync workers, its default."""
    folder.mkdir()
    with app_server(folder, application, env=env, cwd=ROOT, workers=workers, timeout_s=600) as server:
        yield App(server.address, lambda: server.pids)


@contextmanager
def granian(folder: Path, env: Mapping[str, str], workers: int, application: str) -> Iterator[App]:
    """Granian with its defaults; four threads for each worker of WSGI, as each may hold a whole file."""
    folder.mkdir()
    port = free_port()
    wsgi = application != STARLETTE
    command = [
        *(sys.executable, "-m", "granian", "--port", str(port), "--workers", str(workers)),
        *(("--interface", "wsgi", "--blocking-threads", "4") if wsgi else ("--interface", "asgi")),
        *("--no-ws", application),
    ]
    with running(
        command,
        name="app",
        directory=folder,
        ready=lambda _: _answers(port),
        env={**env, "TMPDIR": str(folder)},
        cwd=ROOT,
        start_within_s=30,
    ) as server:
        yield App(f"127.0.0.1:{port}", lambda: server.pids)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/nothing")
        return connection.getresponse().status == 404
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def seaweed(folder: Path, files: Path, database: Path) -> Iterator[Place]:
    """A real S3 server, which checks each signature."""
    with s3_server(folder) as s3:
        s3.create_bucket(BUCKET)
        for path in sorted(files.iterdir()):
            s3.put(BUCKET, path.name, path)
        yield Place(
            endpoint=s3.endpoint,
            region=REGION,
            bucket=BUCKET,
            access_key=s3.access_key,
            secret_key=s3.secret_key,
            files=str(files),
            database=str(database),
        )


def nowhere(files: Path, database: Path) -> Place:
    """A storage that is never asked."""
    return Place(
        endpoint="http://127.0.0.1:9",
        region=REGION,
        bucket=BUCKET,
        access_key="AKIDEXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        files=str(files),
        database=str(database),
    )


@contextmanager
def swift(folder: Path, files: Path, database: Path, binary: str) -> Iterator[Place]:
    """A storage that costs next to nothing, as one on another machine would: an NGINX, which looks at no signature."""
    (folder / "buckets").mkdir(parents=True)
    (folder / "buckets" / BUCKET).symlink_to(files)
    with plain_nginx(folder, [directive("root", str(folder / "buckets"))], binary) as address:
        yield replace(nowhere(files, database), endpoint=f"http://{address}")


@contextmanager
def plain_nginx(folder: Path, inside: Sequence[Directive], binary: str) -> Iterator[str]:
    """Run an NGINX with one worker and one server, which has these directives; yield its address."""
    port = free_port()
    server = [directive("listen", f"127.0.0.1:{port}"), *inside]
    text = [
        *([directive("user", "root")] if os.geteuid() == 0 else []),
        directive("daemon", "off"),
        directive("worker_processes", 1),
        directive("worker_rlimit_nofile", 20000),
        directive("pid", "nginx.pid"),
        block("events", inside=[directive("worker_connections", 12000)]),
        block(
            "http",
            inside=[
                *(
                    directive(f"{name}_temp_path", f"tmp/{name}")
                    for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
                ),
                directive("sendfile", "on"),
                directive("access_log", "off"),
                block("server", inside=server),
            ],
        ),
    ]
    with nginx_server(folder, emit(text), binary=binary, ready_port=port):
        yield f"127.0.0.1:{port}"
