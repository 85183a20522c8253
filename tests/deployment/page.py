"""Run the commands of docs/operate/containers.md, with podman in place of docker."""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.demo.browser import Browser
from tests.deployment.check import PASSWORD
from tests.deployment.containers import (
    ROOT,
    Failed,
    Topology,
    base_image,
    build_options,
    run,
    say,
    wait_until,
)
from tests.pages import FENCE

PAGE = ROOT / "docs" / "operate" / "containers.md"
HEALTHY_S = 120
UP = "up --build --detach"
_DOCKER = """\
#!/bin/sh
# docker, as far as the page uses it: builds as this machine can, and a name of its own for all that is started.
set -eu
command=$1
shift
case $command in
    compose) exec podman-compose --podman-build-args="$BUILD" --env-file "$ENV" --project-name "$PROJECT" "$@" ;;
    build) exec podman build $BUILD --build-arg=BASE="$BASE" "$@" ;;
    run) exec podman run --detach --name "$PROJECT"_alone "$@" ;;
esac
exit 2
"""


@dataclass(frozen=True, slots=True)
class Commands:
    """The blocks of the page, each as a script for this machine."""

    start: list[str]
    superuser: str
    upload: str
    cluster: list[str]
    doctors: list[str]
    rotate: str
    alone: str


def commands(env: Path, secrets: Path, name: str) -> Commands:
    """Read the page. name: of the container that runs the image alone. Raises Failed if the page lacks a command."""
    # no user types the password
    start = _adapted(
        "createsuperuser",
        {
            "deploy/.env": str(env),
            "deploy/secrets": str(secrets),
            "chmod 700 deploy": "true",
            "exec app-1 ": f"exec -T --env DJANGO_SUPERUSER_PASSWORD={PASSWORD} app-1 ",
            "createsuperuser": "createsuperuser --no-input --email root@files.example",
        },
    )
    *up, superuser, upload = start.splitlines()
    cluster = _adapted("--profile cluster", {"deploy/.env": str(env)}).splitlines()
    for last in (up[-1], cluster[-1]):
        if UP not in last:
            raise Failed(f"{PAGE.name} no longer has {UP!r} in {last!r}: change tests/deployment/page.py")
    alone = {
        "./site.toml": str(ROOT / "deploy" / "site.toml"),
        "./secrets:": f"{secrets}:",
        "transfers:": f"{name}:",
    }
    return Commands(
        start=up,
        superuser=superuser,
        upload=upload,
        cluster=cluster,
        doctors=_adapted("xaccel-doctor", {"exec ": "exec -T "}).splitlines(),
        rotate=_adapted("openssl rand -hex 24)", {"deploy/secrets": str(secrets)}),
        alone=_adapted("docker run ", alone),
    )


def _block(words: str) -> str:
    blocks: list[str] = [
        code for kind, code in FENCE.findall(PAGE.read_text(encoding="utf-8")) if kind == "sh"
    ]
    chosen = [code for code in blocks if words in code]
    if len(chosen) != 1:
        raise Failed(
            f"{PAGE.name} has {len(chosen)} blocks with {words!r}, not one: change tests/deployment/page.py"
        )
    return chosen[0]


def check(folder: Path, topology: Topology, port: int) -> None:
    """Try the portal as the page says, download as its superuser, and run the image alone. Raises Failed."""
    name = f"{topology.name}_alone"
    variables = _variables(folder, topology)
    page = commands(topology.env, topology.secrets, name)
    _start(page.start, topology, variables)
    wait_until(lambda: ran(page.superuser, variables), "a superuser: the database is migrated")
    wait_until(lambda: ran(page.upload, variables), "the S3 server takes the file")
    _download(port)
    for line in page.doctors:
        # --fail-on warn: the shipped configuration gives no reason for a warning either
        say("doctor", run("sh", "-c", f"{line} --fail-on warn", variables=variables).splitlines()[-1])
    run("sh", "-e", "-c", page.alone, variables=variables)
    ready: Callable[[], bool] = lambda: topology.succeeds("exec", name, "xaccel-ready")  # noqa: E731
    wait_until(ready, "the image alone is ready")
    topology.podman("rm", "--force", "--time", "0", "--volumes", name)
    topology.podman("volume", "rm", "--force", name)
    say("page", "its commands made a superuser who got README.md, also in a ZIP, and ran the image alone")


def rotate_secret(folder: Path, topology: Topology) -> None:
    """Rotate the secret as the page says. Raises Failed."""
    rotate = commands(topology.env, topology.secrets, topology.name).rotate
    run("sh", "-e", "-c", rotate, variables=_variables(folder, topology))


def start_cluster(folder: Path, topology: Topology) -> None:
    """Start the profile `cluster` as the page says, and wait until it is healthy. Raises Failed."""
    cluster = commands(topology.env, topology.secrets, topology.name).cluster
    _start(cluster, topology, _variables(folder, topology))


def _start(lines: list[str], topology: Topology, variables: Mapping[str, str]) -> None:
    """Run commands, the last one in two steps: it builds, and then has HEALTHY_S to start all."""
    *prepare, up = lines
    run("sh", "-e", "-c", "\n".join([*prepare, up.replace(UP, "build")]), variables=variables)
    start = time.monotonic()
    run("sh", "-c", up.replace(UP, "up --detach"), variables=variables)
    topology.wait_until_healthy(start, HEALTHY_S)


def _variables(folder: Path, topology: Topology) -> dict[str, str]:
    """Write the program `docker`, and return the environment in which it and the commands of the page run."""
    docker = folder / "docker"
    docker.write_text(_DOCKER)
    docker.chmod(0o755)
    return {
        **topology.variables,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PROJECT": topology.name,
        "ENV": str(topology.env),
        "BUILD": " ".join(build_options()),
        "BASE": base_image(folder),
    }


def _adapted(words: str, replacements: Mapping[str, str]) -> str:
    """Return the page's block with `words`, and replace what would be outside of the temporary folder, or typed.

    Raises Failed if the page lacks it.
    """
    code = _block(words)
    for before, after in replacements.items():
        if before not in code:
            raise Failed(f"{PAGE.name} no longer has {before!r}: change tests/deployment/page.py")
        code = code.replace(before, after)
    return re.sub(r"\\\n\s*", "", code)


def ran(line: str, variables: Mapping[str, str]) -> bool:
    try:
        run("sh", "-c", line, variables=variables)
    except Failed:
        return False
    return True


def _download(port: int) -> None:
    """Download the page's file as its superuser, alone and in a ZIP. Raises Failed."""
    browser = Browser(port, [], "root")
    browser.sign_in(PASSWORD)
    links = {name: path for path, name in browser.links_to_files().items()}
    if "README.md" not in links:
        raise Failed(
            f"the superuser of the page cannot sign in, or sees {sorted(links)} in place of README.md"
        )
    found, body = browser.get(links["README.md"]), (ROOT / "README.md").read_bytes()
    if (found.status, found.body) != (200, body):
        raise Failed(f"the superuser of the page did not get README.md: {found}")
    found = browser.get(f"/files/zip?file={links['README.md'].split('/')[2]}")
    if found.status != 200 or zipfile.ZipFile(io.BytesIO(found.body)).read("README.md") != body:
        raise Failed(f"the superuser of the page did not get README.md in a ZIP: {found}")
