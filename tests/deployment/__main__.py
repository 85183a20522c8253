"""`python -m tests.deployment`: what scripts/deploy runs."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.deployment import changes, check, debian, images, page
from tests.deployment.containers import (
    Failed,
    Topology,
    base_image,
    build,
    containers_conf,
    nothing_new,
    run,
    say,
    wait_until,
)
from xaccel_testing import free_port

_PROMISED_S = {
    "app-1": 10,
    "app-2": 10,
    "ingest": 10,
    "ingest-2": 10,
    "nginx": 10,
    "nginx-2": 10,
    "s3-1": 30,
    "s3-2": 30,
    "s3-3": 30,
    "db-standby": 10,
}
"""How long new downloads may take to work after this container was killed."""
_FAILED_OVER_S = 30
"""The same after the standby of PostgreSQL was promoted."""


def main() -> int:
    try:
        with tempfile.TemporaryDirectory(prefix="xaccel-deploy-") as temporary:
            os.environ["CONTAINERS_CONF"] = str(containers_conf(Path(temporary)))
            if sys.argv[1] == "build":
                build_all(Path(temporary))
            elif sys.argv[1] == "debian":
                debian.check(Path(temporary))
            else:
                with nothing_new():
                    build_all(Path(temporary))
                    check_all(Path(temporary))
                    debian.check(Path(temporary))
    except Failed as error:
        print(f"scripts/deploy: {error}", file=sys.stderr)
        return 1
    return 0


def build_all(folder: Path) -> None:
    start = time.monotonic()
    build(base_image(folder))
    say("built", f"the images, in {time.monotonic() - start:.0f} s")


def check_all(folder: Path) -> None:
    images.check(folder)
    with running(folder, "") as topology:
        port = topology.ports[0]
        page.check(folder, topology, port)
        check.roles_and_metrics(topology)
        files = check.seed(topology)
        wait_until(lambda: check.works(files, port), "a download")
        changes.move_s3(topology, files, port)
        changes.rotate_secret(folder, topology, files, port)
        changes.stop_nginx(topology, files, port)
    with running(folder, "cluster") as topology:
        page.start_cluster(folder, topology)
        kill_each(topology)


def kill_each(topology: Topology) -> None:
    ports = topology.ports
    files = check.seed(topology)
    wait_until(lambda: all(check.works(files, port) for port in ports), "a download through each NGINX")
    say("downloaded", "as a person does, through both NGINX")
    with check.crowd(files, ports) as people:
        for service, within_s in _PROMISED_S.items():
            # through the front door that stays
            check.lose(topology, people, service, ports[service != "nginx-2"], within_s)
        check.fail_over(topology, people, ports[1], _FAILED_OVER_S)
    check.compare(topology, people)


@contextmanager
def running(folder: Path, profile: str) -> Iterator[Topology]:
    """Remove all containers at the end, after the last words of some if a step has failed. Raises Failed."""
    topology = Topology(folder, (free_port(), free_port()), profile)
    try:
        yield topology
    except Failed:
        # why a download failed is in NGINX's log of transfers alone
        transfers = f"exec {topology.container('nginx')} tail -n 3 /var/log/xaccel/transfers.log"
        services = ("nginx", "app-1", "ingest", "s3-1")
        for words in (*(f"logs --tail 15 {topology.container(each)}" for each in services), transfers):
            with suppress(Failed):
                print(f"--- podman {words}\n{run('sh', '-c', f'podman {words} 2>&1')}")
        raise
    finally:
        topology.remove()
    if left := topology.left():
        raise Failed(f"left behind: {', '.join(left)}")
    say("removed", "containers, volumes and networks: nothing is left")


if __name__ == "__main__":
    sys.exit(main())
