"""XA5xx, XA415 to XA418: the log of transfers, and the paths that NGINX's workers need, on NGINX's host."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from xaccel.doctor.check import REMEDIES, check
from xaccel.doctor.evidence import Evidence, Skipped
from xaccel.doctor.running_site import RunningSite
from xaccel.handoff.objects import ObjectRef
from xaccel.site.origins import LocalOrigin

_MOST_BYTES = 1024**3
_LEAST_FREE = 64 * 1024 * 1024
"""Bytes; some 100,000 log entries."""
_RIGHTS = {"-r": "read", "-w": "write to", "-x": "enter"}
"""By the option of `test`."""


def _denied(stack: RunningSite, path: Path, right: str) -> str:
    """Return that NGINX's workers lack a right; empty: they have it. Raises Skipped."""
    may = stack.user_may(*stack.workers, path, right)
    return "" if may else f"{stack.workers[0]} may not {_RIGHTS[right]} {path}"


@check("XA415")
def workers_may_enter_the_directories(stack: RunningSite) -> Iterator[str]:
    found = [(name, one.root) for name, one in stack.site.origins.items() if isinstance(one, LocalOrigin)]
    if not found:
        raise Skipped("the site has no directory")
    for name, root in found:
        if not Path(root).is_dir():
            yield f"origin {name}: {root} is not a directory"
        elif denied := _denied(stack, Path(root), "-x"):
            yield f"origin {name}: {denied}"


@check("XA417")
def workers_may_read_the_object(stack: RunningSite) -> Iterator[Evidence]:
    return why_unreadable(stack, stack.object)


def why_unreadable(stack: RunningSite, ref: ObjectRef) -> Iterator[Evidence]:
    """Yield why NGINX's workers cannot send a file of a directory that is there. Raises Skipped."""
    origin = stack.site.origin(ref.origin)
    if not isinstance(origin, LocalOrigin):
        return
    path = Path(origin.root)
    for part in Path(ref.key).parts:
        path /= part
        if path.is_symlink():
            text = f"{path} is a symbolic link, and NGINX follows none below the directory of an origin"
            yield Evidence(text, remedy=REMEDIES["symlink"])
            return
        if path.exists() and (denied := _denied(stack, path, "-x" if path.is_dir() else "-r")):
            yield Evidence(f"{denied} (mode {path.stat().st_mode & 0o777:o}, owner {path.owner()})")
            return


@check("XA418")
def workers_may_write_to_the_cache(stack: RunningSite) -> Iterator[str]:
    if stack.site.cache is None:
        raise Skipped("the site has no CACHE")
    if denied := _denied(stack, stack.prefix / stack.site.cache.path, "-w"):
        yield denied


@check("XA501")
def log_is_a_file_that_can_be_read(stack: RunningSite) -> Iterator[str]:
    log = stack.log
    try:
        if not stat.S_ISREG(log.stat().st_mode):
            yield f"{log} is not a regular file, but a device, a pipe or a folder"
            return
        with log.open("rb") as file:
            file.read(1)
    except OSError as error:
        yield f"{log}: {error.strerror}"


@check("XA502")
def workers_may_enter_the_folder_of_the_log(stack: RunningSite) -> Iterator[str]:
    if denied := _denied(stack, stack.log.parent, "-x"):
        yield denied


@check("XA503")
def nginx_writes_to_the_log(stack: RunningSite) -> Iterator[str]:
    log = stack.log
    try:
        opened = {os.readlink(link): link.stat() for link in Path(f"/proc/{stack.master}/fd").iterdir()}
    except OSError as error:
        raise Skipped("this user may not see which files NGINX has open") from error
    if not any(os.path.samestat(log.stat(), status) for status in opened.values()):
        other = next((name for name in opened if name.startswith(str(log))), "another file")
        yield f"NGINX writes to {other}"


@check("XA504")
def disks_have_room(stack: RunningSite) -> Iterator[Evidence]:
    cache = stack.site.cache
    cached = stack.prefix / cache.path if cache else None
    for folder in {stack.log.parent, *filter(None, [cached])}:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        text = f"{folder}: {free // 1024 // 1024} MB are free"
        if free < _LEAST_FREE:
            yield Evidence(text)
        elif cache and folder == cached and free < cache.min_free_bytes:
            text = f"{text}, and `min_free` of CACHE is {cache.min_free}"
            yield Evidence(text, "warn", REMEDIES["min_free"])


@check("XA507")
def log_is_rotated(stack: RunningSite) -> Iterator[str]:
    if (size := stack.log.stat().st_size) > _MOST_BYTES:
        yield f"{stack.log} has {size // 1024**2:,} MB"


@check("XA505")
def workers_may_read_the_error_pages(stack: RunningSite) -> Iterator[str]:
    if not stack.site.error_pages:
        raise Skipped("the site has no ERROR_PAGES")
    for path in (stack.prefix / name for name in stack.site.error_pages.values()):
        if not path.is_file():
            yield f"{path} is missing"
        elif denied := _denied(stack, path, "-r"):
            yield denied
