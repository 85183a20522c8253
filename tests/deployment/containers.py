"""Images, networks and containers by podman."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults.clients import BESIDE_OTHERS
from xaccel_testing.servers import processes

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
IMAGES = ("nginx", "portal", "s3", "postgres")
_OWN_BASE = "localhost/debian:trixie"
_LIMIT = 600


class Failed(Exception):
    """A step that did not do what it should, as one sentence."""


def say(step: str, what: str) -> None:
    print(f"{step:<12}{what}", flush=True)


def run(
    *command: str, variables: Mapping[str, str] | None = None, check: bool = True, stdin: str = ""
) -> str:
    """Return what a program prints. Raises Failed with its last lines."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1", **(variables or {})},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT,
    )
    if check and done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise Failed(f"{' '.join(command[:6])} … failed:\n{last}")
    return done.stdout


def wait_until(
    condition: Callable[[], bool], what: str, within_s: float = 60, *, every_s: float = 0.2
) -> float:
    """Return how many seconds it took. Raises Failed after BESIDE_OTHERS times `within_s`."""
    start = time.monotonic()
    if not processes.wait_until(condition, timeout_s=within_s * BESIDE_OTHERS, every_s=every_s):
        raise Failed(f"{what}: not within {BESIDE_OTHERS} times {within_s:.0f} s")
    return time.monotonic() - start


def containers_conf(folder: Path) -> Path:
    """Write podman's settings for machines where limits cannot be raised and crun does not run."""
    import resource

    files, processes = (
        resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)
    )
    limits = [f"nofile={min(files, 65536) if files > 0 else 65536}:{files if files > 0 else 65536}"]
    if processes > 0:
        limits.append(f"nproc={processes}:{processes}")
    runtime = "runc" if shutil.which("runc") else "crun"
    quoted = ", ".join(f'"{limit}"' for limit in limits)
    path = folder / "containers.conf"
    path.write_text(f'[engine]\nruntime = "{runtime}"\n[containers]\ndefault_ulimits = [{quoted}]\n')
    return path


def base_image(folder: Path) -> str:
    """Return the image to build on: BASE, or one made of Debian's packages as this machine gets them."""
    if os.environ.get("BASE"):
        return os.environ["BASE"]
    if not run("podman", "images", "--quiet", _OWN_BASE):
        archive = folder / "base.tar"
        run("mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", "trixie", str(archive))
        run("podman", "import", str(archive), _OWN_BASE)
    return _OWN_BASE


def build(base: str) -> None:
    """Build the wheels and the images."""
    run("scripts/wheels")
    if len([*(ROOT / "dist").glob("xaccel-*.whl")]) > 1:
        raise Failed(
            "dist/ has wheels of xaccel in several versions, and an image takes one: remove the others"
        )
    for name in IMAGES:
        run(
            *("podman", "build", "--quiet", *build_options(), f"--build-arg=BASE={base}"),
            *("--file", f"deploy/images/{name}/Containerfile", "--tag", f"localhost/xaccel-{name}", "."),
        )


@contextmanager
def nothing_new() -> Iterator[None]:
    """Remove the images and wheels that were not there before. Podman's cache of layers stays."""
    images, wheels = _image_names(), {*(ROOT / "dist").glob("*.whl")}
    try:
        yield
    finally:
        for wheel in {*(ROOT / "dist").glob("*.whl")} - wheels:
            wheel.unlink()
        if made := _image_names() - images:
            run("podman", "rmi", *made)
            say("removed", f"the images: {', '.join(sorted(made))}")


def _image_names() -> set[str]:
    """Return the names of this project's images."""
    names = run("podman", "images", "--format={{.Repository}}:{{.Tag}}").split()
    return {name for name in names if name.startswith("localhost/xaccel-") or name == _OWN_BASE}


def build_options() -> list[str]:
    """Return podman's options to build here: the machine's package configuration is mounted, and in no layer."""
    return ["--network=host", *package_mounts()]


def package_mounts() -> list[str]:
    """Return podman's options that let a container install packages as this machine does."""
    return [f"--volume={path}:{path}:{how}" for path, how in _package_configuration().items()]


def _package_configuration() -> dict[Path, str]:
    """Return the files by which this machine's apt and pip reach their registries, and how they are mounted."""
    found: dict[Path, str] = {Path("/etc/apt"): "O", Path("/etc/ssl/certs/ca-certificates.crt"): "ro"}
    for list_ in Path("/etc/apt").rglob("*.*"):
        if list_.suffix in {".list", ".sources"}:
            local = re.findall(r"(?:file|copy):(?://)?(/[^\s\]]+)", list_.read_text(encoding="utf-8"))
            found |= {Path(path): "ro" for path in local}
    for line in run("python3", "-m", "pip", "config", "debug", check=False).splitlines():
        path = Path(line.strip().partition(",")[0])
        if line.strip().endswith("exists: True"):
            found[path.parent if path.parent.name == "pip" else path] = "ro"
    return {path: how for path, how in found.items() if path.exists()}


class Topology:
    """The running containers of one project, by the names of their services."""

    def __init__(self, folder: Path, ports: tuple[int, int], profile: str) -> None:
        self.name, self.ports = f"xaccel-check-{os.getpid()}{profile}", ports
        self._profile = ["--profile", profile] if profile else []
        env = folder / "env"
        env.write_text(run("scripts/deploy", "env"))
        self.secrets = folder / "secrets"
        self.secrets.mkdir(exist_ok=True)
        (self.secrets / "xaccel").write_text(secrets.token_hex(24))
        self.variables = {
            "SECRETS": str(self.secrets),
            "LISTEN": f"127.0.0.1:{ports[0]}",
            "LISTEN_2": f"127.0.0.1:{ports[1]}",
        }
        self.env = env

    def compose(self, *words: str) -> str:
        return run(
            *(
                "podman-compose",
                "--env-file",
                str(self.env),
                "--project-name",
                self.name,
                "--file",
                str(COMPOSE),
            ),
            *self._profile,
            *words,
            variables=self.variables,
        )

    def podman(self, *words: str, check: bool = True, stdin: str = "") -> str:
        return run("podman", *words, variables=self.variables, check=check, stdin=stdin)

    def container(self, service: str) -> str:
        return f"{self.name}_{service}_1"

    def healthy(self, service: str) -> bool:
        """Run the container's health check: podman runs it in intervals only where systemd does."""
        return self.succeeds("healthcheck", "run", self.container(service))

    def wait_until_healthy(self, start: float, within_s: float) -> None:
        """Raises Failed if an app or NGINX is not healthy so many seconds after `start`."""
        services = ("app-1", "app-2", "nginx", *(["nginx-2"] if self._profile else []))
        for service in services:
            left = within_s - (time.monotonic() - start)
            # each look starts a program in a container that has enough to do
            wait_until(partial(self.healthy, service), f"{service} is healthy", left, every_s=2)
        took = time.monotonic() - start
        say("healthy", f"{', '.join(services)} after {took:.0f} s (promised: {within_s:.0f} s)")

    def address(self, service: str) -> str:
        found = json.loads(self.podman("inspect", self.container(service)))[0]
        return str(found["NetworkSettings"]["Networks"][f"{self.name}_default"]["IPAddress"])

    def process(self, service: str) -> Path:
        """Return the folder of the container's first process in /proc; it is gone when the container has ended."""
        pid = self.podman("inspect", "--format={{.State.Pid}}", self.container(service)).strip()
        return Path("/proc", pid)

    def succeeds(self, *words: str) -> bool:
        """Tell whether a podman command ends with 0."""
        try:
            self.podman(*words)
        except Failed:
            return False
        return True

    def kill(self, service: str) -> None:
        self.podman("kill", "--signal=KILL", self.container(service))

    def start(self, service: str) -> None:
        self.podman("start", self.container(service))

    def python(self, service: str, program: str, *, check: bool = True) -> str:
        """Run a program with the portal's interpreter in a container."""
        return self.podman(
            "exec",
            "--interactive",
            self.container(service),
            "/opt/portal/bin/python",
            "-",
            stdin=program,
            check=check,
        )

    def query(self, *statements: str) -> str:
        """Run statements at the primary of PostgreSQL, and return their columns."""
        psql = (
            'exec psql --host=/tmp --username=postgres --dbname="$POSTGRES_DB"'
            ' --no-align --tuples-only --field-separator=" " "$@"'
        )
        commands = [f"--command={statement}" for statement in statements]
        return self.podman("exec", self.container("db"), "sh", "-c", psql, "sh", *commands)

    def remove(self) -> None:
        self.compose("down", "--volumes", "--timeout", "0")

    def left(self) -> list[str]:
        """Return the containers, volumes and networks of this project that are still there."""
        kinds = (
            ("ps", "--all", "--format={{.Names}}"),
            ("volume", "ls", "--format={{.Name}}"),
            ("network", "ls", "--format={{.Name}}"),
        )
        return [name for kind in kinds for name in self.podman(*kind).split() if name.startswith(self.name)]
