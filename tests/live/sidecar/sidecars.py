"""Run the image xaccel-nginx as processes, and the fronts of deploy/fronts before it.

The entrypoint and the configuration are the image's, with other folders and addresses.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.pages import replace_each
from xaccel_testing import app_server
from xaccel_testing.servers.ports import accepts, free_port
from xaccel_testing.servers.processes import RunningServer, private_folder, running

if TYPE_CHECKING:
    from xaccel_testing import S3Server

ROOT = Path(__file__).resolve().parents[3]
IMAGE = ROOT / "deploy" / "images" / "nginx"
FRONTS = ROOT / "deploy" / "fronts"
NAME = "files.example"
SIDECARS = ("127.0.0.2", "127.0.0.3")
SIZE = 30_000_000
"""More than the buffers of NGINX, of a front and of the kernel."""
SITE = """
secret_env = "XACCEL_SECRET"
transfer_log = "{folder}/transfers.log"
response_headers = ["Served-By"]
[origins.documents]
type = "s3"
bucket = "{bucket}"
endpoint_url = "{endpoint}"
region = "us-east-1"
addressing_style = "path"
[archives]
app = "127.0.0.1:8082"
listen = "127.0.0.1:9399"
log = "{folder}/members.log"
layouts = "{layouts}"
"""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running sidecar at `address`, which has the ports of the image as `port`, `alive_port` and `app_port`."""

    folder: Path
    address: str
    port: int
    alive_port: int
    app_port: int
    env: Mapping[str, str] = field(repr=False)
    server: RunningServer = field(repr=False)

    @property
    def log(self) -> str:
        return self.server.log

    def is_ready(self) -> bool:
        """Run `xaccel-ready`."""
        return self.why_not_ready() == ""

    def why_not_ready(self) -> str:
        """Run `xaccel-ready`, and return what it prints."""
        return _why_not_ready(self.folder, self.env)

    def refresh(self) -> None:
        """Run `xaccel-refresh`."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
        subprocess.run(
            ["sh", str(self.folder / "refresh.sh")],
            env={**self.env, "PATH": path},
            capture_output=True,
            check=True,
            timeout=120,
        )


@contextmanager
def sidecar(
    folder: Path,
    app: str,
    *,
    address: str,
    ports: tuple[int, int],
    env: Mapping[str, str],
    lingering_s: int = 120,
    hosts: Path | None = None,
) -> Iterator[Sidecar]:
    """Run the image's entrypoint with the site.toml in `folder`, in front of `app`, until the block ends.

    hosts: what it has as /etc/hosts. While the name of a storage is missing there, the block begins all the same.
    """
    app_port = free_port()
    changes = {
        "127.0.0.1:8082": f"{address}:{app_port}",
        "/etc/xaccel/": f"{folder}/",
        "/run/xaccel": f"{folder}/run",
        "/sys/fs/cgroup": f"{folder}/cgroup",
        # a machine that has much to do takes as long
        "MAX_WAIT_FOR_NAMES_S = 60": "MAX_WAIT_FOR_NAMES_S = 600",
        "tries=60": "tries=600",
        "http://127.0.0.1:8080": f"http://{address}:{ports[0]}",
        "http://127.0.0.1:8081": f"http://{address}:{ports[1]}",
        "listen [::]:8080;": "",
        "listen 8080;": f"listen {address}:{ports[0]};",
        "listen 8081;": f"listen {address}:{ports[1]};",
        "120s;": f"{lingering_s}s;",
        "sleep 5 ": "sleep 0.2 ",
        "xaccel-refresh": f"sh {folder}/refresh.sh",
        "xaccel-rotate": f"sh {folder}/rotate.sh",
        "/var/log/xaccel": str(folder),
        # a log of a "megabyte" is quickly full
        "1000000": "10000",
        "daemon off;": "daemon off; user root;" if os.geteuid() == 0 else "daemon off;",
    }
    for name in ("entrypoint.sh", "nginx.conf", "ready.py", "refresh.sh", "rotate.sh"):
        text = (IMAGE / name).read_text(encoding="utf-8")
        for before, after in changes.items():
            text = text.replace(before, after)
        (folder / name).write_text(text)
    if (folder / "site.toml").exists():
        own = {"127.0.0.1:8082": f"{address}:{app_port}", "127.0.0.1:9399": f"{address}:{free_port()}"}
        (folder / "site.toml").write_text(replace_each((folder / "site.toml").read_text(), own))
    variables = {
        **image_variables(),
        "XACCEL_SITE": str(folder / "site.toml"),
        "XACCEL_REFRESH_S": "0",
        **env,
    }

    def has_begun() -> bool:
        why = _why_not_ready(folder, variables)
        return not why or (hosts is not None and "DNS" in why)

    command = ["sh", str(folder / "entrypoint.sh")]
    if hosts is not None:
        own_mounts = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        command = [*own_mounts, "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh", *command]
    started = running(
        command,
        name="sidecar",
        directory=folder,
        # `xaccel-ready` is a new Python each time, so it is asked first when NGINX listens
        ready=lambda _: _listens(address, ports[0]) and has_begun(),
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin",
            **variables,
            "XACCEL_APP": app,
        },
    )
    with started as server:
        yield Sidecar(folder, address, *ports, app_port, variables, server)


def image_variables() -> dict[str, str]:
    """Return the variables that the image sets."""
    return dict(re.findall(r"\b(XACCEL_\w+)=(\S+)", (IMAGE / "Containerfile").read_text(encoding="utf-8")))


def _listens(address: str, port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((address, port), timeout=1).close()
        return True
    return False


def _why_not_ready(folder: Path, env: Mapping[str, str]) -> str:
    command = [sys.executable, str(folder / "ready.py")]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr or f"exit status {done.returncode}"


@dataclass(frozen=True, slots=True)
class Apps:
    """What all deployments share: an app for each sidecar, the environment of both, and the bucket with `film.bin`."""

    env: dict[str, str] = field(repr=False)
    addresses: tuple[str, str]
    site: str
    film: bytes = field(repr=False)
    digest: bytes

    def sidecar(
        self,
        number: int,
        folder: Path,
        ports: tuple[int, int],
        *,
        lingering_s: int = 120,
        hosts: Path | None = None,
        **env: str,
    ) -> AbstractContextManager[Sidecar]:
        """Run a sidecar beside an app, with its files in `folder`. env: more variables of the image."""
        folder.mkdir(exist_ok=True)
        (folder / "site.toml").write_text(self.site.replace("FOLDER", str(folder)))
        return sidecar(
            folder,
            self.addresses[number],
            address=SIDECARS[number],
            ports=ports,
            env={**self.env, **env},
            lingering_s=lingering_s,
            hosts=hosts,
        )


@contextmanager
def running_apps(s3: S3Server, folder: Path, *, endpoint: str = "") -> Iterator[Apps]:
    """Run an app for each sidecar until the block ends. endpoint: what NGINX requests, in place of `s3`."""
    name, film = f"sidecar-{secrets.token_hex(4)}", Random(17).randbytes(SIZE)
    s3.create_bucket(name)
    s3.put(name, "film.bin", film, "application/octet-stream")
    s3.put(name, "small.bin", film[:1000], "application/octet-stream")
    site = SITE.format(
        folder="FOLDER",
        bucket=name,
        endpoint=endpoint or s3.endpoint,
        layouts=folder / "layouts",
    )
    (folder / "site.toml").write_text(site.replace("FOLDER", str(folder)))
    env = {
        "XACCEL_SECRET": secrets.token_urlsafe(32),
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                app_server(
                    folder / f"app-{address}",
                    "tests.live.sidecar.sidecar_app:application",
                    env={**env, "SIDECAR_SITE": str(folder / "site.toml"), "SIDECAR_ADDRESS": address},
                    cwd=ROOT,
                    workers=1,
                )
            )
            for address in SIDECARS
        ]
        yield Apps(env, (started[0].address, started[1].address), site, film, sha256(film).digest())


def caddyfile(folder: Path, port: int, sidecars: tuple[Sidecar, Sidecar], certificate: Path) -> list[str]:
    """Write the Caddyfile for these sidecars, and return the command that runs it."""
    text = (FRONTS / "Caddyfile").read_text(encoding="utf-8")
    text = text.replace("{\n", "{\n\tadmin off\n\tauto_https disable_redirects\n\tpersist_config off\n", 1)
    text = text.replace(
        "files.example {\n", f"https://files.example:{port} {{\n\ttls {certificate} {certificate}\n"
    )
    (folder / "Caddyfile").write_text(_with_addresses(text, sidecars))
    return ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]


def envoy_yaml(folder: Path, port: int, sidecars: tuple[Sidecar, Sidecar], certificate: Path) -> list[str]:
    """Write Envoy's configuration for these sidecars, and return the command that runs it."""
    text = (FRONTS / "envoy.yaml").read_text(encoding="utf-8")
    text = text.replace("port_value: 443", f"port_value: {port}").replace("0.0.0.0", "127.0.0.1")
    for name in ("certificate", "key"):
        text = text.replace(f"/etc/envoy/{name}.pem", str(certificate))
    (folder / "envoy.yaml").write_text(_with_addresses(text, sidecars))
    return ["envoy", "--config-path", "envoy.yaml", "--concurrency", "1", "--use-dynamic-base-id"]


def _with_addresses(text: str, sidecars: tuple[Sidecar, Sidecar]) -> str:
    named = {f"sidecar-{number}": found.address for number, found in enumerate(sidecars, 1)}
    return replace_each(text, {"8080": str(sidecars[0].port), "8081": str(sidecars[0].alive_port), **named})


@contextmanager
def front(kind: str, folder: Path, sidecars: tuple[Sidecar, Sidecar], certificate: Path) -> Iterator[int]:
    """Run Caddy or Envoy until the block ends. The value is its port."""
    private_folder(folder)
    port = free_port()
    command = {"caddy": caddyfile, "envoy": envoy_yaml}[kind](folder, port, sidecars, certificate)
    program = shutil.which(command[0], path=str(Path(sys.executable).parent))
    assert program, f"{command[0]} is in requirements/test.txt"
    with running(
        [program, *command[1:]],
        name=kind,
        directory=folder,
        ready=lambda _: accepts(port),
        env={"HOME": str(folder)},
        stop_signal=signal.SIGKILL,
    ):
        yield port
