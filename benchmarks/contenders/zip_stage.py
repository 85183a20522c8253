"""Everything that archives run on: a storage, an app with xaccel and zipstream-ng, and one worker of NGINX."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from benchmarks.clients.stored import made
from benchmarks.contenders import servers
from benchmarks.contenders.stage import scratch
from benchmarks.contenders.zip_groups import SLOW_TAG, Group
from benchmarks.measure.question import require
from tests.servers.origin import Answer, Origin, Request, origin_server
from xaccel.site import Site, read_mapping
from xaccel.tools.nginx import probe, standalone
from xaccel_testing import NginxServer, Variant, app_server, free_ports, nginx_server, variants
from xaccel_testing.servers.processes import StartedServer

WAIT_S = 0.02
"""Seconds that the slow storage waits before each response."""
_READ = 1 << 20


class Restarted:
    """A server that can be killed, and then runs again at the same address. kills: so many so far."""

    def __init__(self, start: Callable[[], AbstractContextManager[StartedServer]]) -> None:
        self._start, self._open, self.kills = start, ExitStack(), 0
        self._server = self._open.enter_context(start())

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return self._server.pids

    def kill(self) -> None:
        """Let all its processes end at once, and start it again."""
        # all at once: a master whose worker ends first starts another one
        os.killpg(os.getpgid(self.pids[0]), signal.SIGKILL)
        self._open.close()
        self._server = self._open.enter_context(self._start())
        self.kills += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs. files: in the fast storage. origin: the slow storage."""

    folder: Path
    files: Path
    site: Site
    nginx: NginxServer
    app: Restarted
    origin: Origin
    variant: Variant

    def describe(self, name: str, *groups: Group) -> None:
        """Name an archive with the members of these groups."""
        (self.folder / f"{name}.json").write_text(json.dumps([group.described() for group in groups]))

    @property
    def app_address(self) -> str:
        """Where the app listens."""
        assert self.site.archives is not None
        return self.site.archives.app

    def calls(self) -> int:
        """Return how many requests the app had so far."""
        return (self.folder / "calls").stat().st_size

    def forget_layouts(self) -> None:
        """Lose all layouts that are kept."""
        for file in (self.folder / "layouts").iterdir():
            file.unlink()

    def get(self, path: str, span: str = "") -> Got:
        """Read a response to its end, and throw its bytes away. Raises WrongAnswer if it is cut or no success."""
        connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=600)
        before, buffer = time.perf_counter(), bytearray(_READ)
        connection.request("GET", path, headers={"Range": span} if span else {})
        response = connection.getresponse()
        require(response.status in (200, 206), f"{path}: {response.status}")
        due = int(response.headers["Content-Length"])
        size = response.readinto(memoryview(buffer)[:1])
        first_s = time.perf_counter() - before
        while count := response.readinto(buffer):
            size += count
        connection.close()
        require(size == due, f"{path}: {size} of {due} bytes")
        return Got(size, first_s, time.perf_counter() - before)


@dataclass(frozen=True, slots=True)
class Got:
    """A response: bytes, seconds to its first byte, and seconds of all."""

    size: int
    first_s: float
    seconds: float


class RemoteFile(io.RawIOBase):
    """A file that is read by range requests. requests: so many so far."""

    def __init__(self, stage: Stage, path: str) -> None:
        self._path, self._at, self.requests = path, 0, 0
        self._connection = http.client.HTTPConnection("127.0.0.1", stage.nginx.port, timeout=600)
        head = self._ask("HEAD")
        require(head.status == 200, f"{path}: {head.status}")
        self.size = int(head.headers["Content-Length"])

    def _ask(self, method: str, **headers: str) -> http.client.HTTPResponse:
        self._connection.request(method, self._path, headers=headers)
        response = self._connection.getresponse()
        if method == "HEAD":
            response.read()
        return response

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self.size)
        if end <= self._at:
            return 0
        self.requests += 1
        body = self._ask("GET", Range=f"bytes={self._at}-{end - 1}").read()
        require(len(body) == end - self._at, f"{self._path}: a range is short")
        buffer[: len(body)] = body
        self._at = end
        return len(body)


@contextmanager
def stage(sizes: dict[str, tuple[int, int]]) -> Iterator[Stage]:
    """Run it with files in the fast storage: by the beginning of their names, so many of so many bytes."""
    found = [one for one in variants().values() if not one.missing]
    require(bool(found), "no NGINX was found: run scripts/system")
    variant = found[0]
    with scratch() as folder:
        files = folder / "files"
        for name in ("files", "layouts"):
            (folder / name).mkdir()
        for name, (count, size) in sizes.items():
            made(files / f"{name}-0", size)
            for number in range(1, count):
                shutil.copy2(files / f"{name}-0", files / f"{name}-{number}")
        body = (files / "small-0").read_bytes()

        def slow(request: Request) -> Answer:
            time.sleep(WAIT_S)
            asked = request.header("Range")
            first, last = map(int, asked[6:].split("-")) if asked else (0, len(body) - 1)
            headers = [("ETag", SLOW_TAG)]
            if asked:
                headers.append(("Content-Range", f"bytes {first}-{last}/{len(body)}"))
            return Answer(status=206 if asked else 200, headers=headers, body=body[first : last + 1])

        port, app_port, listen = free_ports(3)
        with (
            origin_server(slow) as origin,
            servers.swift(folder / "storage", files, folder / "none", variant.binary) as place,
        ):
            xaccel = place.xaccel()
            mapping = {
                "SECRET": xaccel["SECRET"],
                "ORIGINS": {
                    "fast": xaccel["ORIGINS"]["s3"],
                    "directory": xaccel["ORIGINS"]["directory"],
                    "slow": {"type": "http", "base_url": f"{origin.url}/"},
                },
                "ARCHIVES": {
                    "app": f"127.0.0.1:{app_port}",
                    "listen": f"127.0.0.1:{listen}",
                    "layouts": str(folder / "layouts"),
                    "proven": ["slow"],
                },
                "ALLOW_WITHOUT_NJS": True,
            }
            (folder / "site.json").write_text(json.dumps(mapping))
            start_app = partial(
                app_server,
                folder / "app",
                "benchmarks.contenders.zip_app:application",
                env={
                    "ZIP_FOLDER": str(folder),
                    "BENCH_CALLS": str(folder / "calls"),
                    "PYTHONPATH": str(servers.ROOT),
                },
                cwd=servers.ROOT,
                workers=2,
                threads=8,
                port=app_port,
                timeout_s=600,
            )
            site = read_mapping.read(mapping)
            address = f"127.0.0.1:{app_port}"
            with (
                Restarted(start_app) as app,
                front(site, variant, folder / "nginx", app=address, port=port, listen=listen) as nginx,
            ):
                yield Stage(folder, files, site, nginx, app, origin, variant)


@contextmanager
def front(
    site: Site, variant: Variant, folder: Path, *, app: str, port: int, listen: int
) -> Iterator[NginxServer]:
    """Run an NGINX of the site, with one worker. listen: the port of its assembler."""
    assert site.archives is not None
    site = replace(site, archives=replace(site.archives, listen=f"127.0.0.1:{listen}"))
    text = standalone(
        site,
        probe(variant.binary, njs=variant.njs, headers_more=False),
        listen=f"127.0.0.1:{port}",
        app=app,
        root_user="root" if os.geteuid() == 0 else None,
        workers=1,
    )
    folder.mkdir(exist_ok=True)
    with nginx_server(folder, text, binary=variant.binary, ready_port=port) as nginx:
        yield nginx
