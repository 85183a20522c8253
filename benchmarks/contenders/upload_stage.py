"""Everything that uploads run on: an app, an S3 server, a storage that only counts, and NGINX before both."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.contenders.stage import scratch
from benchmarks.measure.question import require
from benchmarks.servers.sink import Sink, sink
from tests.live.uploads.scene import Browser, Scene, another_nginx, scene
from xaccel_testing import S3Server, s3_server, variants

S3, COUNTING = "SeaweedFS", "a storage that only counts"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client sends a file. status: of the response, if the file was taken. path: makes a new one each time."""

    port: int
    path: Callable[[], str]
    status: int
    headers: Mapping[str, str]

    def put(self, file: Path) -> None:
        """Send a file as cheaply as a client can. Raises WrongAnswer."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=600) as connection,
            file.open("rb") as body,
        ):
            connection.sendall(head_of(self.port, self.path(), self.headers, file.stat().st_size))
            connection.sendfile(body)
            status = status_of(connection)
        require(status == self.status, f"{file.stat().st_size} bytes: {status}")


def head_of(port: int, path: str, headers: Mapping[str, str], length: int | None) -> bytes:
    """Return the head of a PUT. length: of the body; None: the client sends chunks."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = (f"{name}: {value}" for name, value in headers.items())
    return "\r\n".join([f"PUT {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, framing, "", ""]).encode()


def status_of(connection: socket.socket) -> int:
    """Return the status of the response."""
    words = connection.makefile("rb").readline().split()
    return int(words[1]) if len(words) > 1 else 0


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs. scenes: by storage and build of NGINX."""

    folder: Path
    sink: Sink
    scenes: Mapping[str, Mapping[str, Scene]]
    _s3: S3Server

    def gate(self, storage: str, build: str) -> Place:
        """Return where a client sends files through NGINX."""
        site = self.scenes[storage][build]
        headers = {**Browser(site).headers, "X-User": "alice"}
        return Place(site.nginx.port, lambda: "/files/a", 201, headers)

    def direct(self, storage: str) -> Place:
        """Return where a client sends files to the storage itself, by a presigned URL."""
        if storage == COUNTING:
            return Place(self.sink.port, lambda: "/", 200, {})
        [site, *_] = self.scenes[S3].values()
        client, number = self._s3.client(), iter(range(1_000_000))

        def signed() -> str:
            to = {"Bucket": site.bucket, "Key": f"direct/{next(number)}"}
            url = urlsplit(client.generate_presigned_url("put_object", Params=to))
            return f"{url.path}?{url.query}"

        return Place(urlsplit(self._s3.endpoint).port or 80, signed, 200, {})


@contextmanager
def stage(*, both: bool) -> Iterator[Stage]:
    """Run it. both: with both builds of NGINX, if they are here."""
    found = [one for one in variants().values() if not one.missing and not one.njs]
    require(bool(found), "no NGINX was found: run scripts/system")
    builds = {one.name: one for one in (found if both else found[:1])}
    with scratch() as folder, ExitStack() as stack:
        for name in ("site", *(f"{kind}-{build}" for kind in ("s3", "counting") for build in builds)):
            (folder / name).mkdir()
        counting = stack.enter_context(sink())
        s3 = stack.enter_context(s3_server(folder / "storage"))
        first, *others = builds.values()
        site = stack.enter_context(scene(folder / "site", first, s3, uploads={"at_once": 1000}))
        stored = {first.name: site}
        for build in others:
            beside = another_nginx(site, folder / f"s3-{build.name}", build)
            stored[build.name] = stack.enter_context(beside)
        address = f"127.0.0.1:{counting.port}"
        counted = {
            name: stack.enter_context(
                another_nginx(site, folder / f"counting-{name}", build, storage=address)
            )
            for name, build in builds.items()
        }
        yield Stage(folder, counting, {S3: stored, COUNTING: counted}, s3)
