"""All servers of a redundant installation as processes: two NGINX, two apps, PostgreSQL with a standby, three S3 nodes.

scripts/deploy has the same topology in containers. A user reaches the NGINX by a list of addresses, as a load balancer
or a DNS name with two addresses gives it. NGINX reaches both apps by an upstream with two servers, and the S3 nodes by
`connect_to`. The apps reach PostgreSQL by a connection string with two hosts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.objects import OBJECTS
from tests.live.conftest import build_of
from tests.live.small_disk import small_disk
from tests.servers.part import Part
from tests.servers.postgres import USER, PostgresServer, postgres_server, standby_server
from tests.servers.s3_cluster import BUCKET, S3Cluster, s3_cluster
from xaccel.site import read_mapping
from xaccel.tools.nginx import render, standalone
from xaccel_testing import NginxServer, Variant, free_port, nginx_server
from xaccel_testing.servers.app import AppServer, app_server
from xaccel_testing.servers.processes import StartedServer, running

ROOT = Path(__file__).resolve().parents[2]
SECRET = "faults-0123456789-abcdefghijklmnopqrstuvwxyz"
APP_TIMEOUT_S = 10
"""After this time NGINX asks the other app. Its default is a minute."""
_COMMIT = ("synchronous_commit=on", "wal_retrieve_retry_interval=200ms", "max_wal_size=64MB")
"""After a restart of the primary, commits wait until the standby is connected again."""


@dataclass
class Topology:
    """The running servers."""

    folder: Path
    variant: Variant
    s3: S3Cluster
    primary: Part[PostgresServer]
    standby: Part[PostgresServer]
    apps: list[Part[AppServer]] = field(default_factory=list)
    nginx: list[Part[NginxServer]] = field(default_factory=list)
    ingest: list[Part[StartedServer]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ports(self) -> list[int]:
        """The ports of both NGINX: the addresses of a user."""
        return [part.begin.port for part in self.nginx]  # type: ignore[attr-defined]

    def query(self, sql: str, *, of: Part[PostgresServer] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query, from the server that can be written to, or from a certain one."""
        import psycopg

        hosts = str(self.folder / of.name) if of else self.env["FAULTS_DATABASE_HOSTS"]
        attributes = "any" if of else "read-write"
        with psycopg.connect(
            host=hosts, user=USER, dbname="postgres", target_session_attrs=attributes, autocommit=True
        ) as connection:
            found = connection.execute(sql.encode())
            return found.fetchall() if found.description else []

    def commit_on_both(self) -> None:
        """Let the primary wait at each commit until the standby has it too."""
        self.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.query("SELECT pg_reload_conf()")

    def fail_over(self) -> None:
        """Promote the standby. The other server must be down."""
        self.query("SELECT pg_promote()", of=self.standby)
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """Make the server that was the primary a standby of the other one."""
        folder = self.folder / self.standby.name
        shutil.rmtree(folder / "data")
        self.standby.begin = partial(standby_server, folder, self.folder / self.primary.name, *_COMMIT)
        self.standby.start()
        self.commit_on_both()

    def manage(self, *arguments: str) -> str:
        """Run a command of the app, and return what it prints."""
        command = [sys.executable, "-m", "django", *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass(frozen=True, slots=True)
class _Nginx:
    """Start one NGINX."""

    folder: Path
    text: str
    binary: str
    port: int

    def __call__(self) -> Any:
        return nginx_server(self.folder, self.text, binary=self.binary, ready_port=self.port)


def settings_of(s3: S3Cluster) -> dict[str, Any]:
    """Return the site: the same objects without and with a cache."""
    store = {
        "type": "s3",
        "bucket": BUCKET,
        "endpoint_url": "http://store.test",
        "region": "us-east-1",
        "addressing_style": "path",
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "connect_to": s3.addresses,
    }
    return {
        "SECRET": SECRET,
        "ORIGINS": {"store": store, "cached": {**store, "cache": True}},
        "CACHE": {"path": "cache", "max_size": "256m"},
    }


def nginx_text(settings: dict[str, Any], variant: Variant, port: int, apps: list[str]) -> str:
    """Return the configuration of one NGINX in front of both apps."""
    user = "root" if os.geteuid() == 0 else None
    site, build = read_mapping.read(settings), build_of(variant)
    text = standalone(
        site,
        build,
        listen=f"127.0.0.1:{port}",
        app=apps[0],
        root_user=user,
        parts=render(site, build),
    )
    both = "\n".join(f"        server {app} max_fails=0;" for app in apps)
    ask_the_other = (
        f"proxy_connect_timeout {APP_TIMEOUT_S}s;\n            proxy_read_timeout {APP_TIMEOUT_S}s;"
    )
    for old, new in (
        (f"        server {apps[0]};", both),
        ("proxy_pass http://xaccel_app;", f"proxy_pass http://xaccel_app;\n            {ask_the_other}"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@contextmanager
def topology(folder: Path, variant: Variant) -> Iterator[Topology]:
    """Run everything until the block ends. `folder` must be short, and open to all users if this is root."""
    with ExitStack() as stack:
        hosts = [_small(stack, folder, name) for name in ("db", "db-standby")]
        primary: Part[PostgresServer] = Part("db", partial(postgres_server, hosts[0], *_COMMIT))
        standby = Part("db-standby", partial(standby_server, hosts[1], hosts[0], *_COMMIT))
        for server in (primary, standby):
            stack.callback(server.stop)
            server.start()
        s3 = stack.enter_context(s3_cluster(folder))
        for key, content in OBJECTS.items():
            s3.put(key, content)
        settings = settings_of(s3)
        found = Topology(folder, variant, s3, primary, standby, settings=settings)
        found.env = {
            "DJANGO_SETTINGS_MODULE": "tests.faults.project_settings",
            "FAULTS_DATABASE_HOSTS": ",".join(map(str, hosts)),
            "FAULTS_SITE": str(write_site(folder / "site.json", settings)),
        }
        found.commit_on_both()
        found.manage("migrate", "-v0")
        for number in (1, 2):
            begin = partial(app_of, found, folder / f"app-{number}", port=free_port())
            found.apps.append(Part(f"app-{number}", begin))
        addresses = []
        for app in found.apps:
            stack.callback(app.stop)
            app.start()
            addresses.append(app.now.address)
        for number in (1, 2):
            text = nginx_text(settings, variant, port := free_port(), addresses)
            nginx = Part(f"nginx-{number}", _Nginx(folder / f"nginx-{number}", text, variant.binary, port))
            found.nginx.append(nginx)
            stack.callback(nginx.stop)
            nginx.start()
            log = folder / f"nginx-{number}" / "xaccel.log"
            ingest = Part(f"ingest-{number}", partial(_ingest, found, number, log))
            found.ingest.append(ingest)
            stack.callback(ingest.stop)
            ingest.start()
        yield found


def _small(stack: ExitStack, folder: Path, name: str) -> Path:
    """Return a folder on a disk that a test can fill; without root on the one that there is."""
    return stack.enter_context(small_disk(folder, "800m", name)) if os.geteuid() == 0 else folder / name


def write_site(file: Path, settings: dict[str, Any]) -> Path:
    """Write the settings that an app reads when it starts."""
    file.write_text(json.dumps(settings), encoding="utf-8")
    return file


def app_of(found: Topology, folder: Path, *, port: int = 0, **env: str) -> AbstractContextManager[AppServer]:
    """Return an app of the topology that is not started yet."""
    application = "django.core.wsgi:get_wsgi_application()"
    return app_server(
        folder,
        application,
        env={**found.env, **env},
        cwd=ROOT,
        port=port,
        workers=1,
        threads=4,
        timeout_s=30,
    )


@contextmanager
def _ingest(found: Topology, number: int, log: Path) -> Iterator[StartedServer]:
    folder = found.folder / f"ingest-{number}"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "django", "xaccel", "ingest", "--follow", str(log)]
    seen = folder / "ingest.log"
    before = seen.stat().st_size if seen.exists() else 0

    def ready(_: int) -> bool:
        return b"Up to date" in seen.read_bytes()[before:]

    with running(
        command,
        name="ingest",
        directory=folder,
        ready=ready,
        env=found.env,
        cwd=ROOT,
        start_within_s=60,
    ) as server:
        yield StartedServer(server=server)
