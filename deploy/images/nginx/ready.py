#!/usr/bin/python3
"""Exit with 0 if the running NGINX has the settings of the site, and connections for more users."""

import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from xaccel.site.read_mapping import site_of
from xaccel.tools.nginx.digest import digest_path, digest_text

SITE = Path(os.environ["XACCEL_SITE"])
RUN = Path("/run/xaccel")
LEAST_FREE = 0.05


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


url, expected = "http://127.0.0.1:8081/alive", "alive"
if SITE.exists():
    site = site_of(str(SITE))
    url, expected = f"http://127.0.0.1:8080{digest_path(site)}", digest_text(site)
try:
    with urllib.request.urlopen(url, timeout=3) as response:  # noqa: S310 (the scheme is http)
        found = response.read().decode()
    used = max(sockets_of_workers(), default=0)
except OSError as error:
    sys.exit(f"not ready: {url.partition('/_')[0]}: {error}")
if not found.startswith(expected):
    sys.exit("not ready: NGINX runs with other settings than site.toml")
most = int(re.findall(r"worker_connections (\d+);", RUN.joinpath("nginx.conf").read_text())[0])
if used > (1 - LEAST_FREE) * most:
    sys.exit(f"not ready: a worker of NGINX has {used} of {most} connections (XACCEL_WORKER_CONNECTIONS)")
