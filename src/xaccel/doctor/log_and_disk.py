"""XA5xx: the log of transfers, the cache's folder and your error pages, on NGINX's host."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from xaccel.doctor.check import check
from xaccel.doctor.evidence import Evidence, Skipped
from xaccel.doctor.running_site import RunningSite

_MOST_BYTES = 1024**3
_LEAST_FREE = 64 * 1024 * 1024
"""Bytes; some 100,000 log entries."""


@check(501)
def readable(stack: RunningSite) -> Iterator[str]:
    log = stack.log
    try:
        if not stat.S_ISREG(log.stat().st_mode):
            yield f"{log} is not a regular file, but a device, a pipe or a folder"
            return
        with log.open("rb") as file:
            file.read(1)
    except OSError as error:
        yield f"{log}: {error.strerror}"


@check(502)
def reachable(stack: RunningSite) -> Iterator[str]:
    folder = stack.log.parent
    if not stack.workers_may(folder, "-x"):
        yield f"{stack.workers[0]} may not enter {folder}"


@check(503)
def rotated(stack: RunningSite) -> Iterator[str]:
    log = stack.log
    try:
        opened = {os.readlink(link): link.stat() for link in Path(f"/proc/{stack.master}/fd").iterdir()}
    except OSError as error:
        raise Skipped("this user may not see which files NGINX has open") from error
    if not any(os.path.samestat(log.stat(), status) for status in opened.values()):
        other = next((name for name in opened if name.startswith(str(log))), "another file")
        yield f"NGINX writes to {other}"


@check(504)
def room(stack: RunningSite) -> Iterator[str | Evidence]:
    cache = stack.site.cache
    for folder in {stack.log.parent, *([stack.prefix / cache.path] if cache else [])}:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free < _LEAST_FREE:
            yield f"{folder}: {free // 1024 // 1024} MB are free"
        elif cache and folder == stack.prefix / cache.path and free < cache.min_free_bytes:
            text = (
                f"{folder}: {free // 1024 // 1024} MB are free, and `min_free` of CACHE is {cache.min_free}"
            )
            yield Evidence(
                text, "warn", "NGINX removes what it cached: free space, or lower `min_free` of CACHE."
            )


@check(507)
def kept_small(stack: RunningSite) -> Iterator[str]:
    log = stack.log
    if (size := log.stat().st_size) > _MOST_BYTES:
        yield f"{log} has {size // 1024**2:,} MB"


@check(505)
def pages(stack: RunningSite) -> Iterator[str]:
    if not stack.site.error_pages:
        raise Skipped("the site has no ERROR_PAGES")
    for path in (stack.prefix / name for name in stack.site.error_pages.values()):
        if not path.is_file():
            yield f"{path} is missing"
        elif not stack.workers_may(path, "-r"):
            yield f"{stack.workers[0]} may not read {path}"
