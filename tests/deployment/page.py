"""Run the commands of docs/operate/containers.md, with podman in place of docker."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from portal.demo.check.browser import Browser
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
    """Try the portal as the page says, sign in as its superuser, and run the image alone. Raises Failed."""
    tried, _, alone = commands()
    name = f"{topology.name}_alone"
    variables = _variables(folder, topology)
    # nobody types the password
    tried = _adapted(
        tried,
        {
            "deploy/.env": str(topology.env),
            "exec app-1 ": f"exec -T --env DJANGO_SUPERUSER_PASSWORD={PASSWORD} app-1 ",
            "createsuperuser": "createsuperuser --no-input --username root --email root@files.example",
        },
    )
    *up, create = tried.splitlines()
    _start(up, topology, variables)
    wait_until(lambda: ran(create, variables), "a superuser: the database is migrated")
    if not _signs_in(port):
        raise Failed("the superuser of the page cannot sign in")
    alone = _adapted(alone, {"./site.toml": str(ROOT / "deploy" / "site.toml"), "transfers:": f"{name}:"})
    run("sh", "-e", "-c", alone, variables=variables)
    ready: Callable[[], bool] = lambda: topology.succeeds("exec", name, "xaccel-ready")  # noqa: E731
    wait_until(ready, "the image alone is ready")
    topology.podman("rm", "--force", "--time", "0", "--volumes", name)
    topology.podman("volume", "rm", "--force", name)
    say("page", "its commands made a superuser who signed in, and built and ran the image alone")


def start_cluster(folder: Path, topology: Topology) -> None:
    """Start the profile `cluster` as the page says, and wait until it is healthy. Raises Failed."""
    _, cluster, _ = commands()
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
        "XACCEL_SECRET": "0" * 40,
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


def _signs_in(port: int) -> bool:
    browser = Browser(port, [], "root")
    browser.sign_in(PASSWORD)
    return browser.get("/admin/").status == 200
