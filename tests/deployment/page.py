"""Run the commands of docs/operate/containers.md, with podman in place of docker."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from portal.demo.check.browser import Browser
from tests.deployment.check import PASSWORD
from tests.deployment.containers import ROOT, Failed, Topology, run, say, wait_until
from tests.pages import FENCE

PAGE = ROOT / "docs" / "operate" / "containers.md"
HEALTHY_S = 120
_DOCKER = """\
#!/bin/sh
# docker, as far as the page uses it: the images of this run, and a name of its own for all that is made.
set -eu
command=$1
shift
case $command in
    compose) exec podman-compose --env-file "$ENV" --project-name "$PROJECT" "$@" ;;
    build) exec podman tag localhost/xaccel-nginx xaccel-nginx ;;
    run) exec podman run --detach --name "$PROJECT"_alone "$@" ;;
esac
exit 2
"""


def commands() -> list[str]:
    """Return the blocks of the page, each as a script."""
    return [code for kind, code in FENCE.findall(PAGE.read_text(encoding="utf-8")) if kind == "sh"]


def check(folder: Path, topology: Topology, port: int) -> None:
    """Try the portal as the page says, sign in as its superuser, and run the image alone. Raises Failed."""
    docker = folder / "docker"
    docker.write_text(_DOCKER)
    docker.chmod(0o755)
    variables = {
        **topology.variables,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PROJECT": topology.name,
        "ENV": str(topology.env),
        "XACCEL_SECRET": "0" * 40,
    }
    tried, alone = commands()
    # the images are built, each file stays below the temporary folder, and nobody types the password
    for before, after in {
        "deploy/.env": str(topology.env),
        " --build ": " --no-build ",
        "exec app-1 ": f"exec -T --env DJANGO_SUPERUSER_PASSWORD={PASSWORD} app-1 ",
        "createsuperuser": "createsuperuser --no-input --username root --email root@files.example",
        "./site.toml": str(ROOT / "deploy" / "site.toml"),
        "transfers:": f"{topology.name}_alone:",
    }.items():
        if before not in tried + alone:
            raise Failed(f"{PAGE.name} no longer has {before!r}: change tests/deployment/page.py")
        tried, alone = tried.replace(before, after), alone.replace(before, after)
    *up, create = re.sub(r"\\\n\s*", "", tried).splitlines()
    start = time.monotonic()
    for line in up:
        run("sh", "-c", line, variables=variables)
    topology.wait_until_healthy(start, HEALTHY_S)
    wait_until(lambda: ran(create, variables), "a superuser: the database is migrated")
    if not _signs_in(port):
        raise Failed("the superuser of the page cannot sign in")
    run("sh", "-c", alone, variables=variables)
    name = f"{topology.name}_alone"
    ready: Callable[[], bool] = lambda: topology.succeeds("exec", name, "xaccel-ready")  # noqa: E731
    wait_until(ready, "the image alone is ready")
    topology.podman("rm", "--force", "--time", "0", "--volumes", name)
    topology.podman("volume", "rm", "--force", name)
    say("page", "its commands made a superuser who signed in, and ran the image alone")


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
