"""The servers to measure on: an origin with and without TLS, a stub app that only hands off, and NGINX in front.

Origin and app are one NGINX, so that as little as possible of a measured time is theirs.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clients.wrk import Stored
from benchmarks.contenders.nginx import local as internal_directory
from benchmarks.measure.processes import cpu_seconds
from benchmarks.measure.question import require
from benchmarks.servers import classic
from benchmarks.servers.back import KEEPALIVE_REQUESTS, WORKERS, answers_of, back_text
from xaccel.site import Site, read_mapping
from xaccel.tools.nginx import probe, render, standalone
from xaccel.tools.nginx.emit import Directive, Raw, block, directive
from xaccel.tools.nginx.render import Parts
from xaccel_testing import NginxServer, Variant, free_ports, nginx_server, variants

_ROOT = Path(__file__).parents[2]
_LISTEN = re.compile(r"(listen 127\.0\.0\.1:[0-9]+);")
"""Without `reuseport` the worker that wakes first takes most connections, of whatever is measured."""

Change = Callable[[Parts], Parts]
More = Callable[[int], Mapping[str, object]]
"""Further origins, by their names, at the origin's port without TLS."""


@dataclass(frozen=True, slots=True)
class Front:
    """An NGINX in front.

    classic_port, static_port, local_port: servers of the same NGINX: with the classic configuration; one that sends the
        origin's files without any hand-off; and one that hands nothing off but to an internal directory.
    """

    variant: Variant
    nginx: NginxServer
    classic_port: int
    static_port: int
    local_port: int

    @property
    def port(self) -> int:
        return self.nginx.port

    def cpu_seconds(self) -> float:
        """What all its processes have used of a processor so far."""
        return cpu_seconds(self.nginx.pids)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything behind an NGINX in front.

    The app answers `/<origin>/<file>` and, for the classic configuration, `/classic/<file>`, where the origin's key is
    one of P-256, and `/classic-rsa/<file>`, where it is one of RSA with 2048 bits; for an internal directory
    `/internal/<file>`; `/redirect/<file>` leads to the origin, and `/empty` to nothing.

    tls_port: of the origin, with the key of P-256.
    """

    folder: Path
    files: Mapping[str, Stored]
    site: Site
    app: str
    back: NginxServer
    tls_port: int
    variants: tuple[Variant, ...]
    _open: ExitStack = field(repr=False)

    def front(
        self, variant: Variant, *, change: Change = lambda parts: parts, site: Site | None = None
    ) -> Front:
        """Start an NGINX with our text, `change`d, the classic configuration and the files beside it.

        `site` is part of the stage's own, which is the default.
        """
        site = site or self.site
        folder = Path(tempfile.mkdtemp(prefix=f"{variant.name}-", dir=self.folder))
        port, classic_port, static_port, local_port = free_ports(4)
        build = probe(variant.binary, njs=variant.njs, headers_more=False)
        text = standalone(
            site,
            build,
            listen=f"127.0.0.1:{port}",
            app=self.app,
            root_user="root" if os.geteuid() == 0 else None,
            workers=WORKERS,
            parts=change(render(site, build)),
            extra_server=[_pid()],
            extra_http=[
                directive("keepalive_requests", KEEPALIVE_REQUESTS),
                classic.server(classic_port),
                internal_directory(local_port, str(self.folder / "files")),
                block(
                    "server",
                    inside=[
                        directive("listen", f"127.0.0.1:{static_port}"),
                        directive("root", str(self.folder / "files")),
                        _pid(),
                    ],
                ),
            ],
        )
        nginx = self._open.enter_context(
            nginx_server(folder, with_reuseport(text), binary=variant.binary, ready_port=port)
        )
        return Front(variant, nginx, classic_port, static_port, local_port)

    def origin_connections(self) -> list[str]:
        """The connections on which the origin was asked so far, one entry a request."""
        return (self.back.directory / "origin.log").read_text().split()


@contextmanager
def stage(
    sizes: Mapping[str, int],
    *,
    log_connections: bool = False,
    more: More = lambda _: {},
    njs: bool = True,
) -> Iterator[Stage]:
    """Run origin and app with files of these names and sizes (bytes); the fronts stop with them.

    log_connections: for `Stage.origin_connections`; each request then costs the origin more.
    njs: also on the builds with njs.
    """
    import trustme

    found = tuple(one for one in variants().values() if not one.missing and (njs or not one.njs))
    require(bool(found), "no NGINX was found: run scripts/system")
    (_ROOT / ".xaccel").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=_ROOT / ".xaccel") as name,
        ExitStack() as open_servers,
    ):
        folder = Path(name)
        (folder / "files").mkdir()
        files = {name: _file(folder / "files" / name, size) for name, size in sizes.items()}
        app = f"unix:{open_servers.enter_context(tempfile.TemporaryDirectory(prefix='bench-'))}/app"
        tls, tls_rsa, plain = free_ports(3)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        for file, kind in (("tls.pem", trustme.KeyType.ECDSA), ("tls-rsa.pem", trustme.KeyType.RSA)):
            certificate = authority.issue_cert("origin.test", key_type=kind)
            certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / file))
        site = _site(folder, tls, plain, more(plain))
        back = open_servers.enter_context(
            nginx_server(
                folder / "back",
                back_text(
                    folder,
                    app,
                    {tls: "tls.pem", tls_rsa: "tls-rsa.pem"},
                    plain,
                    answers_of(site, files, {"classic": tls, "classic-rsa": tls_rsa}),
                    log=log_connections,
                ),
                binary=found[0].binary,
                ready_port=plain,
            )
        )
        yield Stage(folder, files, site, app, back, tls, found, open_servers)


def with_reuseport(text: str) -> str:
    """Let the kernel spread connections over the workers."""
    return _LISTEN.sub(r"\1 reuseport;", text)


def _file(path: Path, size: int) -> Stored:
    content = random.Random(size).randbytes(size)
    path.write_bytes(content)
    return Stored(path, size, hashlib.sha256(content).hexdigest())


def _site(folder: Path, tls: int, plain: int, more: Mapping[str, object]) -> Site:
    def http(base_url: str, **options: object) -> dict[str, object]:
        return {"type": "http", "base_url": base_url, **options}

    return read_mapping.read(
        {
            "SECRET": "0123456789-abcdefghijklmnopqrstuvwxyz",
            "CACHE": {"path": "cache", "max_size": "1g"},
            "ORIGINS": {
                "tls": http(
                    f"https://origin.test:{tls}/",
                    connect_to=[f"127.0.0.1:{tls}"],
                    ca_file=str(folder / "ca.pem"),
                ),
                "plain": http(f"http://127.0.0.1:{plain}/"),
                "cached": http(f"http://127.0.0.1:{plain}/", cache=True),
                "local": {"type": "local", "root": str(folder / "files")},
                **more,
            },
        }
    )


def _pid() -> Directive:
    return block("location", "=", "/pid", inside=[directive("return", "200", Raw("$pid"))])
