"""Everything that the contenders run on: storage, database, app servers, and one NGINX in front of all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks.clients.stored import made
from benchmarks.clients.wrk import Stored
from benchmarks.contenders import nginx as servers_of
from benchmarks.contenders import servers
from benchmarks.contenders.place import Place
from benchmarks.contenders.servers import App
from benchmarks.measure.question import require
from benchmarks.servers import classic
from xaccel import ObjectRef, S3Origin, Sender
from xaccel.site import Site, read_mapping
from xaccel.tools.nginx import probe, standalone
from xaccel_testing import NginxServer, Variant, free_ports, nginx_server, variants

STREAMING: Mapping[str, Callable[[Path, Mapping[str, str], int], AbstractContextManager[App]]] = {
    "storages-gunicorn": servers.gunicorn,
    "storages-granian": lambda folder, env, workers: servers.granian(folder, env, workers, servers.DJANGO),
    "private-storage": servers.gunicorn,
    "starlette": lambda folder, env, workers: servers.granian(folder, env, workers, servers.STARLETTE),
}
"""App servers that send the bytes themselves. Each is alone in its processes, so that its memory is its own."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs.

    apps: "hand-off" and the chosen ones of STREAMING. ports: of NGINX's servers: "xaccel", "local", "classic", "plain",
        and one for each streaming app. cookie: the header of a user who is logged in.
    """

    folder: Path
    files: Mapping[str, Stored]
    place: Place
    site: Site
    cookie: str
    apps: Mapping[str, App]
    ports: Mapping[str, int]
    nginx: NginxServer
    variant: Variant

    @property
    def storage_port(self) -> int:
        return int(self.place.endpoint.rpartition(":")[2])

    def signed_path(self, name: str) -> str:
        """Return the path and query of a presigned URL that lasts for the run."""
        return _signed(self.site, name).removeprefix(self.place.endpoint)


@contextmanager
def stage(
    sizes: Mapping[str, int],
    *,
    storage: Literal["seaweed", "swift"] = "swift",
    streaming: Sequence[str] = (),
    unbuffered: Sequence[str] = (),
    workers: int = 2,
    nginx_workers: int = 2,
    together: bool = False,
    connections: int = 4096,
) -> Iterator[Stage]:
    """Run it with files of these names and sizes (bytes) in storage and directory.

    `unbuffered` of `streaming` have an NGINX in front that keeps nothing for slow clients. `together`: one gunicorn
    stands for all, with fewer processes to start, where memory and time mean nothing. `connections`: of
    each NGINX worker.
    """
    found = [variant for variant in variants().values() if not variant.missing]
    require(bool(found), "no NGINX was found: run scripts/system")
    variant = found[0]
    with scratch() as folder, ExitStack() as stack:
        files = folder / "files"
        files.mkdir()
        stored = {name: made(files / name, size) for name, size in sizes.items()}
        database = folder / "database.sqlite3"
        place = stack.enter_context(
            servers.seaweed(folder / "s3", files, database)
            if storage == "seaweed"
            else servers.swift(folder / "storage", files, database, variant.binary)
        )
        env, cookie = account(place)
        make = {"hand-off": servers.gunicorn, **{name: STREAMING[name] for name in streaming}}
        own = {name: one for name, one in make.items() if not together or one is not servers.gunicorn}
        with ThreadPoolExecutor() as pool:
            running = {
                name: pool.submit(stack.enter_context, one(folder / name, env, 1 if together else workers))
                for name, one in {"hand-off": servers.gunicorn, **own}.items()
            }
        started = {name: one.result() for name, one in running.items()}
        apps = {name: started.get(name, started["hand-off"]) for name in make}
        names = ("xaccel", "local", "classic", "plain", *streaming)
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        site = read_mapping.read(place.xaccel())
        text = standalone(
            site,
            probe(variant.binary, njs=variant.njs, headers_more=False),
            listen=f"127.0.0.1:{ports['xaccel']}",
            app=apps["hand-off"].address,
            root_user="root" if os.geteuid() == 0 else None,
            workers=nginx_workers,
            extra_http=[
                servers_of.local(ports["local"], place.files),
                classic.server(ports["classic"]),
                *servers_of.plain(
                    ports["plain"],
                    place.endpoint.removeprefix("http://"),
                    {one: _signed(site, one).removeprefix(place.endpoint) for one in sizes},
                    site,
                ),
                *(
                    servers_of.streaming(ports[one], apps[one].address, buffered=one not in unbuffered)
                    for one in streaming
                ),
            ],
        )
        usual = "worker_connections 4096;"
        require(usual in text, "the text says another number of connections")
        text = text.replace(usual, f"worker_connections {connections};")
        (folder / "nginx").mkdir()
        nginx = stack.enter_context(
            nginx_server(folder / "nginx", text, binary=variant.binary, ready_port=ports["xaccel"])
        )
        yield Stage(folder, stored, place, site, cookie, apps, ports, nginx, variant)


def _signed(site: Site, name: str) -> str:
    """A presigned URL as an operator would put it into NGINX's text, for a day."""
    origin = site.origin("s3")
    assert isinstance(origin, S3Origin)
    origin = replace(origin, expires_s=86400)
    return Sender(replace(site, origins={"s3": origin}, cache=None)).hand_off(ObjectRef("s3", name)).target


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk of the project: the one for temporary files may be memory."""
    parent = servers.ROOT / ".xaccel"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
        yield Path(name)


def account(place: Place) -> tuple[dict[str, str], str]:
    """Make the database; return the environment of Django, and the cookie of a user whose documents the files are."""
    env = {"BENCH_PROJECT": json.dumps(asdict(place)), "PYTHONPATH": str(servers.ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.contenders.account"],
        env={**os.environ, **env},
        cwd=servers.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    require(done.returncode == 0, f"the database was not made: {done.stderr[-800:]}")
    return env, f"sessionid={done.stdout.strip()}"
