"""What operators do while users download: a server that gets another address, and an NGINX that is stopped."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.deployment import page
from tests.deployment.check import Files, SlowDownload, crowd, works
from tests.deployment.containers import Failed, Topology, say, wait_until

REFRESHED_S = 30
"""XACCEL_REFRESH_S of compose.yaml is 10."""
GRACE_S = 300
UNREAD = 200_000
"""Bytes that the kernel of NGINX surely takes from NGINX, however slowly the client reads."""
ENDED_S = 10
"""How long a container may take to end after its last client has read all."""


def move_s3(topology: Topology, files: Files, port: int) -> None:
    """Give the S3 server another address, and expect new downloads: only `refresh` beside NGINX can find it."""
    network, container = f"{topology.name}_default", topology.container("s3-1")
    before = topology.address("s3-1")
    topology.podman("network", "disconnect", network, container)
    topology.podman("network", "connect", "--alias", "s3", "--alias", "s3-1", network, container)
    if (after := topology.address("s3-1")) == before:
        raise Failed(f"the S3 server still has the address {before}")
    # a request that is sent on an old connection waits for a minute
    works_now: Callable[[], bool] = lambda: works(files, port, timeout_s=3)  # noqa: E731
    took = wait_until(works_now, "downloads from the S3 server's new address", REFRESHED_S)
    say(
        "moved",
        f"S3 from {before} to {after}: a new download worked after {took:.1f} s (promised: {REFRESHED_S} s)",
    )


def rotate_secret(folder: Path, topology: Topology, files: Files, port: int) -> None:
    """Rotate the secret while users download, and expect that nobody notices."""
    before, slow, process = (
        (topology.secrets / "xaccel").read_text(),
        SlowDownload(files, port),
        topology.process("nginx"),
    )
    with crowd(files, (port,)) as people:
        page.rotate_secret(folder, topology)
    if (topology.secrets / "xaccel").read_text() == before:
        raise Failed("the commands of the page left the old secret")
    statuses = Counter(each.status for each in people.downloads)
    # a user's first download leads to the login page
    if {*statuses} != {200, 302} or people.wrong:
        raise Failed(f"while the secret was rotated, users got {dict(statuses)}")
    if not slow.finish() or not process.exists():
        raise Failed("a download that was under way when the secret was rotated did not end byte for byte")
    say(
        "rotated", f"the secret, without a new container: {statuses[200]} of {statuses[200]} downloads worked"
    )


def stop_nginx(topology: Topology, files: Files, port: int) -> None:
    """Stop NGINX while a user downloads slowly, and expect that the container ends after the download."""
    slow, process = SlowDownload(files, port), topology.process("nginx")
    stop = threading.Thread(
        target=topology.podman,
        args=("stop", "--time", str(GRACE_S), topology.container("nginx")),
        daemon=True,
    )
    stop.start()
    wait_until(lambda: not works(files, port), "NGINX accepts no new connection")
    slow.read_until(UNREAD)
    wait_until(
        lambda: unsent(process) > UNREAD // 2, "NGINX has written the last byte into the kernel's buffer"
    )
    if not slow.finish():
        raise Failed("a download that was under way when NGINX was stopped did not end byte for byte")
    took = wait_until(lambda: not process.exists(), "NGINX ended after its download", ENDED_S)
    stop.join(timeout=GRACE_S)
    topology.start("nginx")
    wait_until(lambda: works(files, port), "downloads after NGINX was started again")
    say("stopped", f"NGINX under a download: that ended byte for byte, and the container {took:.1f} s later")


def unsent(process: Path) -> int:
    """Return how many bytes from NGINX's port 8080 clients have not acknowledged. process: of the container."""
    rows = [line.split() for line in (process / "net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(int(row[4].partition(":")[0], 16) for row in rows if row[1].endswith(":1F90"))
