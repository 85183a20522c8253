"""The application under a real server: gunicorn."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xaccel_testing.servers.processes import StartedServer, private_folder, running

# gunicorn listens before a worker can respond, so each worker writes a mark when it can: a WSGI worker when it has
# loaded the application, an ASGI worker when the application's lifespan startup has ended too, and one of aiohttp when
# its sockets are served
_CONFIG = """\
import asyncio
import os

def post_worker_init(worker):
    if hasattr(worker, "loop"):
        worker.loop.create_task(_mark_when_serving(worker))
    else:
        _mark()

async def _mark_when_serving(worker):
    while not _is_serving(worker):
        await asyncio.sleep(0.01)
    _mark()

def _is_serving(worker):
    return len(worker.servers) == len(worker.sockets) if hasattr(worker, "servers") else worker.booted

def _mark():
    open(os.path.join({marks!r}, str(os.getpid())), "w").close()
"""


Kind = Literal["wsgi", "asgi", "aiohttp"]
"""The kind of an application: "aiohttp" is a `web.Application`."""
_WORKERS = {"asgi": "asgi", "aiohttp": "aiohttp.GunicornWebWorker"}


@dataclass(frozen=True, slots=True)
class AppServer(StartedServer):
    """A running application. `address` is `127.0.0.1:PORT`, as NGINX's `server` directive takes it."""

    address: str


@contextmanager
def app_server(
    directory: Path,
    application: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    workers: int = 2,
    threads: int = 1,
    kind: Kind = "wsgi",
    port: int = 0,
    timeout_s: int = 60,
) -> Iterator[AppServer]:
    """Serve `application` ("package.module:name") until the block ends; all files of the server are in `directory`.

    `env` is added to this process's environment; `cwd` is where the application is imported from. `port` 0 lets the
    operating system choose. gunicorn replaces a sync worker that is silent for `timeout_s`. The server is ready when
    every worker has loaded the application, for ASGI also its lifespan startup.

    Raises ServerFailed with the log.
    """
    directory = directory.resolve()
    marks = directory / "marks"
    shutil.rmtree(marks, ignore_errors=True)
    for folder in (directory, marks, directory / "tmp"):
        private_folder(folder)
    config = directory / "gunicorn.conf.py"
    config.write_text(_CONFIG.format(marks=str(marks)))
    worker = _WORKERS.get(kind) or ("gthread" if threads > 1 else "sync")

    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        options = {
            "config": config,
            "bind": f"fd://{listener.fileno()}",
            "workers": workers,
            "worker-class": worker,
            "threads": threads,
            "worker-tmp-dir": directory / "tmp",
            "timeout": timeout_s,
            "graceful-timeout": 2,
        }
        gunicorn = [
            sys.executable,
            "-m",
            "gunicorn",
            *(f"--{name}={value}" for name, value in options.items()),
        ]
        server = running(
            [*gunicorn, "--no-control-socket", application],
            name="app",
            directory=directory,
            ready=lambda pid: len(list(marks.iterdir())) >= workers,
            env={"TMPDIR": str(directory / "tmp"), **(env or {})},
            cwd=cwd,
            start_within_s=120.0,
            stop_within_s=4.0,
            popen={"pass_fds": [listener.fileno()]},
        )
        started, (host, taken) = stack.enter_context(server), listener.getsockname()
        # once the server is dead, connections are refused: no copy of the socket stays here
        listener.close()
        yield AppServer(f"{host}:{taken}", server=started)
