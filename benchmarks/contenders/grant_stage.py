"""Everything that grants run on: a storage, two apps, one of which does nothing, and an NGINX of each build."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.clients.stored import made
from benchmarks.clients.wrk import Stored
from benchmarks.contenders import servers
from benchmarks.contenders.stage import account, scratch
from benchmarks.measure.question import require
from benchmarks.servers.front import with_reuseport
from xaccel import ObjectRef, Options, Sender
from xaccel.features.grants.revoke import revoke
from xaccel.site import Site, read_mapping
from xaccel.tools.nginx import probe, render, standalone
from xaccel.tools.nginx.emit import Directive, Raw, block, directive
from xaccel_testing import NginxServer, Variant, free_ports, nginx_server, variants

_MEMORY = "/dev/shm"
"""A tmpfs, as `xaccel config` requires for the folder of grants."""
_PATH = "/granted/"


@dataclass(frozen=True, slots=True)
class Front:
    """An NGINX.

    static_port: of its server that sends the files of the directory, with an access log. proxy_port: of its server that
    requests them from the storage.
    """

    variant: Variant
    nginx: NginxServer
    static_port: int
    proxy_port: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs.

    Each front remembers `/granted/<file>`, and the permission for `/granted/<origin>/<folder>/<file>`. Each time, it
    asks the Django app of the contenders about `/xaccel-directory/<file>`, and an app that does nothing about
    `/nothing/<file>`.
    cookie: the header of a user who is logged in.
    """

    files: Mapping[str, Stored]
    site: Site
    cookie: str
    fronts: tuple[Front, ...]
    _calls: Path
    _database: Path

    def calls(self) -> int:
        """Return how many requests the Django app had so far."""
        return self._calls.stat().st_size

    def take_away(self, name: str) -> None:
        """Take the permission for a file away. NGINX is not told."""
        with closing(sqlite3.connect(self._database, timeout=60)) as database, database:
            database.execute("UPDATE contenders_document SET name = 'gone' WHERE name = ?", (name,))

    def revoke(self, name: str) -> None:
        """Revoke the grants of a file, on every NGINX."""
        revoke(self.site, tag=name)


@contextmanager
def stage(sizes: Mapping[str, int], *, workers: int = 2) -> Iterator[Stage]:
    """Run it with files of these names and sizes (bytes), and so many workers of the Django app."""
    builds = [one for one in variants().values() if not one.missing and not one.njs]
    require(bool(builds), "no NGINX was found: run scripts/system")
    with scratch() as folder, tempfile.TemporaryDirectory(dir=_MEMORY) as memory, ExitStack() as stack:
        files, database, calls = (folder / name for name in ("files", "database.sqlite3", "calls"))
        for name in sizes:
            (files / name).parent.mkdir(parents=True, exist_ok=True)
        stored = {name: made(files / name, size) for name, size in sizes.items()}
        ports = free_ports(len(builds))
        grants = {
            "app": "127.0.0.1:1",  # of an app server that is not known yet
            "paths": [_PATH],
            "folders": [f"{_PATH}{origin}/*/" for origin in ("directory", "s3")],
            "nginx": [f"http://127.0.0.1:{port}" for port in ports],
        }
        storage = servers.swift(folder / "storage", files, database, builds[0].binary)
        place = replace(stack.enter_context(storage), grants=grants)
        env, cookie = account(place)
        env["BENCH_CALLS"] = str(calls)
        site = read_mapping.read(place.xaccel())
        app = stack.enter_context(servers.gunicorn(folder / "app", env, workers))
        nothing = stack.enter_context(_nothing(folder / "nothing", site, stored, builds[0]))
        addresses = {"nothing": nothing, "storage": place.endpoint.removeprefix("http://")}
        upstreams = [
            block("upstream", name, inside=[directive("server", address), directive("keepalive", 32)])
            for name, address in addresses.items()
        ]
        fixed = _proxied("storage", f"/{place.bucket}/")
        fronts = []
        for variant, port in zip(builds, ports, strict=True):
            static_port, proxy_port, listen = free_ports(3)
            static = [directive("listen", f"127.0.0.1:{static_port}"), directive("root", str(files))]
            proxy = [directive("listen", f"127.0.0.1:{proxy_port}"), block("location", "/", inside=fixed)]
            assert site.grants is not None
            own = replace(
                site.grants,
                app=app.address,
                listen=f"127.0.0.1:{listen}",
                folder=f"{memory}/{variant.name}",
            )
            beside = [*upstreams, block("server", inside=static), block("server", inside=proxy)]
            text = _text(replace(site, grants=own), variant, port, app.address, beside)
            server = nginx_server(folder / variant.name, text, binary=variant.binary, ready_port=port)
            fronts.append(Front(variant, stack.enter_context(server), static_port, proxy_port))
        yield Stage(stored, site, cookie, tuple(fronts), calls, database)


def _text(site: Site, variant: Variant, port: int, app: str, beside: list[Directive]) -> str:
    build = probe(variant.binary, njs=variant.njs, headers_more=False)
    parts = render(site, build)
    asks_nothing = [*_proxied("nothing"), *parts.app]
    text = standalone(
        site,
        build,
        listen=f"127.0.0.1:{port}",
        app=app,
        root_user="root" if os.geteuid() == 0 else None,
        parts=parts,
        extra_server=[block("location", Raw("^~"), "/nothing/", inside=asks_nothing)],
        extra_http=beside,
    )
    return with_reuseport(text)


def _proxied(upstream: str, path: str = "") -> list[Directive]:
    return [
        directive("proxy_pass", f"http://{upstream}{path}"),
        directive("proxy_http_version", "1.1"),
        directive("proxy_set_header", "Connection", ""),
    ]


@contextmanager
def _nothing(folder: Path, site: Site, files: Mapping[str, Stored], variant: Variant) -> Iterator[str]:
    """Run an NGINX that responds with the hand-off of each file, and yield its address."""
    sender = Sender(site)

    def hand_off(name: str) -> Directive:
        options = Options(as_attachment=True, subject="42")
        headers = sender.hand_off(ObjectRef("directory", name), options=options).headers
        added = [directive("add_header", *header) for header in headers]
        return block("location", "=", f"/nothing/{name}", inside=[*added, directive("return", 200)])

    inside = [directive("keepalive_requests", 1_000_000), *map(hand_off, files)]
    with servers.plain_nginx(folder, inside, variant.binary) as address:
        yield address
