#!/usr/bin/python3
"""Exit with 0 if the running NGINX has the settings of the site, and connections and memory for more users."""

import os
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

from xaccel.site.read_mapping import site_of
from xaccel.tools.nginx.digest import digest_path, digest_text, unresolved_path

SITE = Path(os.environ["XACCEL_SITE"])
RUN = Path("/run/xaccel")
CGROUP = Path("/sys/fs/cgroup")
MIN_FREE_CONNECTIONS = 0.05
MIN_FREE_MEMORY = 0.1
MAX_WAIT_FOR_NAMES_S = 60
"""Later, a storage without a name in DNS keeps the others no longer from their users."""


def settings_problem() -> str:
    """Tell what NGINX lacks of the site; empty if it has all. Raises OSError if it does not respond."""
    url, expected = "http://127.0.0.1:8081/alive", "alive"
    if SITE.exists():
        site = site_of(str(SITE))
        url, expected = f"http://127.0.0.1:8080{digest_path(site)}", digest_text(site)
    with urllib.request.urlopen(url, timeout=3) as response:  # noqa: S310 (the scheme is http)
        has_settings = response.read().decode().startswith(expected)
    return "" if has_settings else "NGINX runs with other settings than site.toml"


def names_problem() -> str:
    """Tell which storages have no address yet, such as containers that start after this one."""
    if not SITE.exists() or time.time() - RUN.joinpath("nginx.pid").stat().st_mtime > MAX_WAIT_FOR_NAMES_S:
        return ""
    # the file may be newer than NGINX's workers
    url = f"http://127.0.0.1:8080{unresolved_path(site_of(str(SITE)))}"
    try:
        with urllib.request.urlopen(url, timeout=3) as response:
            return f"DNS has no address yet of {response.read().decode()}"
    except HTTPError:  # 404: all have addresses
        return ""


def connections_problem() -> str:
    """Tell if a worker has few connections left."""
    used = max(sockets_of_workers(), default=0)
    available = int(re.findall(r"worker_connections (\d+);", RUN.joinpath("nginx.conf").read_text())[0])
    if used <= (1 - MIN_FREE_CONNECTIONS) * available:
        return ""
    return f"a worker of NGINX has {used} of {available} connections (XACCEL_WORKER_CONNECTIONS)"


def sockets_of_workers() -> Iterator[int]:
    """Yield how many sockets each worker has. One that shuts down accepts no connection."""
    master = RUN.joinpath("nginx.pid").read_text().strip()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            parent = process.joinpath("stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            if parent == master and process.joinpath("cmdline").read_bytes().startswith(
                b"nginx: worker process\0"
            ):
                yield sum(
                    os.readlink(link).startswith("socket:") for link in process.joinpath("fd").iterdir()
                )


def memory_problem() -> str:
    """Tell if little is left of the container's memory: the kernel would kill NGINX's workers with all downloads."""
    # cgroup v2, and v1
    for limit, usage, prefix in [
        ("memory.max", "memory.current", ""),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_"),
    ]:
        with suppress(OSError, ValueError):  # another version, or "max": no limit
            allowed = int(CGROUP.joinpath(limit).read_text())
            used = int(CGROUP.joinpath(usage).read_text())
            lines = CGROUP.joinpath(limit).with_name("memory.stat").read_text().splitlines()
            numbers = dict(line.split() for line in lines)
            # the kernel frees the cache of files first
            used -= sum(int(numbers[f"{prefix}{kind}_file"]) for kind in ("active", "inactive"))
            if used > (1 - MIN_FREE_MEMORY) * allowed:
                return f"the container uses {used >> 20} of its {allowed >> 20} MB of memory"
    return ""


try:
    for find_problem in (settings_problem, names_problem, connections_problem, memory_problem):
        if problem := find_problem():
            sys.exit(f"not ready: {problem}")
except OSError as error:
    sys.exit(f"not ready: NGINX does not respond: {error}")
