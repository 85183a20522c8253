"""Run the commands of docs/operate/containers.md, with podman in place of docker."""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
from collections.abc import Callable, Mapping
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


def commands() -> list[str]:
    """Return the blocks of the page, each as a script."""
    return [code for kind, code in FENCE.findall(PAGE.read_text(encoding="utf-8")) if kind == "sh"]


def check(folder: Path, topology: Topology, port: int) -> None:
    """Try the portal as the page says, download as its superuser, and run the image alone. Raises Failed."""
    tried, _, doctors, _, alone = commands()
    name = f"{topology.name}_alone"
    variables = _variables(folder, topology)
    # nobody types the password
    tried = _adapted(
        tried,
        {
            "deploy/.env": str(topology.env),
            "deploy/secrets": str(topology.secrets),
            "chmod 700 deploy": "true",
            "exec app-1 ": f"exec -T --env DJANGO_SUPERUSER_PASSWORD={PASSWORD} app-1 ",
            "createsuperuser": "createsuperuser --no-input --email root@files.example",
        },
    )
    *up, create, upload = tried.splitlines()
    _start(up, topology, variables)
    wait_until(lambda: ran(create, variables), "a superuser: the database is migrated")
    wait_until(lambda: ran(upload, variables), "the S3 server takes the file")
    _download(port)
    for line in doctors.replace("exec ", "exec -T ").splitlines():
        # --fail-on warn: the shipped configuration gives no reason for a warning either
        say("doctor", run("sh", "-c", f"{line} --fail-on warn", variables=variables).splitlines()[-1])
    alone = _adapted(
        alone,
        {
            "./site.toml": str(ROOT / "deploy" / "site.toml"),
            "./secrets:": f"{topology.secrets}:",
            "transfers:": f"{name}:",
        },
    )
    run("sh", "-e", "-c", alone, variables=variables)
    ready: Callable[[], bool] = lambda: topology.succeeds("exec", name, "xaccel-ready")  # noqa: E731
    wait_until(ready, "the image alone is ready")
    topology.podman("rm", "--force", "--time", "0", "--volumes", name)
    topology.podman("volume", "rm", "--force", name)
    say("page", "its commands made a superuser who got README.md, also in a ZIP, and ran the image alone")


def rotate_secret(folder: Path, topology: Topology) -> None:
    """Rotate the secret as the page says. Raises Failed."""
    _, _, _, rotate, _ = commands()
    rotate = _adapted(rotate, {"deploy/secrets": str(topology.secrets)})
    run("sh", "-e", "-c", rotate, variables=_variables(folder, topology))


def start_cluster(folder: Path, topology: Topology) -> None:
    """Start the profile `cluster` as the page says, and wait until it is healthy. Raises Failed."""
    cluster = commands()[1]
    cluster = _adapted(cluster, {"deploy/.env": str(topology.env)})
    _start(cluster.splitlines(), topology, _variables(folder, topology))


def _start(lines: list[str], topology: Topology, variables: Mapping[str, str]) -> None:
    """Run commands, the last one in two steps: it builds, and then has HEALTHY_S to start all."""
    *prepare, up = lines
    if UP not in up:
        raise Failed(f"{PAGE.name} no longer has {UP!r}: change tests/deployment/page.py")
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


def _adapted(code: str, replacements: Mapping[str, str]) -> str:
    """Replace what would be outside of the temporary folder, or typed. Raises Failed if the page lacks it."""
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
