"""XA5xx, XA415 to XA418: the log of transfers, and the paths that NGINX's workers need, on NGINX's host."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from xaccel.handoff.objects import ObjectRef
from xaccel.site.origins import LocalOrigin
from xaccel.tools.doctor.check import REMEDIES, Evidence, check
from xaccel.tools.doctor.first_download import object_of
from xaccel.tools.doctor.running_site import RunningSite, Skipped
from xaccel.tools.nginx.grants import folders

_MOST_BYTES = 1024**3
_LEAST_FREE = 64 * 1024 * 1024
"""Bytes; some 100,000 log entries."""
_MIN_FREE_FOR_GRANTS_BYTES = 1024 * 1024
"""Bytes; some 250 grants."""
_LEAST_INODES = 64
_RIGHTS = {"-r": "read", "-w": "write to", "-x": "enter"}
"""By the option of `test`."""


def _denied(stack: RunningSite, path: Path, right: str) -> str:
    """Return that NGINX's workers lack a right; empty: they have it. Raises Skipped."""
    may = stack.may(stack.workers, path, right)
    return "" if may else f"{stack.workers.name} may not {_RIGHTS[right]} {path}"


@check("XA415", "XA418", "XA502", "XA505")
def workers_may_use_the_paths(stack: RunningSite) -> Iterator[Evidence]:
    site, prefix = stack.site, stack.prefix
    roots = [origin.root for origin in site.origins.values() if isinstance(origin, LocalOrigin)]
    needed = [("XA415", Path(root), "-x") for root in roots]
    needed += [("XA505", prefix / name, "-r") for names in site.error_pages.values() for name in names]
    missing = [(name, path) for name, path, _ in needed if not path.exists()]
    for name, path in missing:
        yield Evidence(f"{path} is missing", check=name)
    needed += [("XA502", folder, "-x") for folder in _folders(stack)]
    needed += [("XA418", prefix / site.cache.path, "-w")] if site.cache else []
    for name, path, right in needed:
        if (name, path) not in missing and (denied := _denied(stack, path, right)):
            yield Evidence(denied, check=name)


@check("XA417")
def workers_may_read_the_object(stack: RunningSite) -> Iterator[Evidence]:
    if why := why_unreadable(stack, object_of(stack)):
        yield why


def why_unreadable(stack: RunningSite, ref: ObjectRef) -> Evidence | None:
    """Return why NGINX's workers cannot send a file of a directory that is there. Raises Skipped."""
    origin = stack.site.origins.get(ref.origin)
    if not isinstance(origin, LocalOrigin):
        return None
    path = Path(origin.root)
    for part in Path(ref.key).parts:
        path /= part
        if path.is_symlink():
            text = f"{path} is a symbolic link, and NGINX follows none below the directory of an origin"
            return Evidence(text, remedy=REMEDIES["symlink"])
        if path.exists() and (denied := _denied(stack, path, "-x" if path.is_dir() else "-r")):
            text = f"{denied} (mode {path.stat().st_mode & 0o777:o}, owner {path.owner()})"
            return Evidence(text, remedy=REMEDIES["not_allowed"])
    return None


def _folders(stack: RunningSite) -> set[Path]:
    return {log.parent for log in stack.logs}


@check("XA501", "XA507")
def logs_can_be_read_and_are_rotated(stack: RunningSite) -> Iterator[Evidence]:
    for log in stack.logs:
        try:
            status = log.stat()
            if not stat.S_ISREG(status.st_mode):
                text = f"{log} is not a regular file, but a device, a pipe or a folder"
                yield Evidence(text, check="XA501")
                continue
            log.open("rb").close()
            if status.st_size > _MOST_BYTES:
                yield Evidence(f"{log} has {status.st_size // 1024**2:,} MB", check="XA507")
        except OSError as error:
            yield Evidence(f"{log}: {error.strerror}", check="XA501")


@check("XA503")
def nginx_writes_to_the_logs(stack: RunningSite) -> Iterator[str]:
    try:
        opened = {os.readlink(link): link.stat() for link in Path(f"/proc/{stack.master}/fd").iterdir()}
    except OSError as error:
        raise Skipped("this user may not see which files NGINX has open") from error
    for log in stack.logs:
        if not any(os.path.samestat(log.stat(), status) for status in opened.values()):
            other = next((name for name in opened if name.startswith(str(log))), "another file")
            yield f"NGINX writes to {other}, not to {log}"


@check("XA427")
def cache_has_room(stack: RunningSite) -> Iterator[Evidence]:
    cache = stack.site.cache
    if cache is None:
        raise Skipped("the site has no CACHE")
    folder = stack.prefix / cache.path
    free = _free(folder)
    if free < cache.min_free_bytes and not _lacks_inodes(folder):
        text = f"{folder}: {free >> 20} MB are free, and `min_free` of CACHE is {cache.min_free}"
        yield Evidence(text, "warn" if free >= _LEAST_FREE else "fail", REMEDIES["min_free"])
    else:
        yield from _without_room(folder)


@check("XA313")
def folders_of_grants_have_room(stack: RunningSite) -> Iterator[Evidence]:
    for folder in folders(stack.site) if stack.site.grants else ():
        if folder.exists():
            yield from _without_room(folder, _MIN_FREE_FOR_GRANTS_BYTES)


@check("XA504")
def disks_of_the_logs_have_room(stack: RunningSite) -> Iterator[Evidence]:
    for folder in _folders(stack):
        yield from _without_room(folder)


def _without_room(folder: Path, least_free: int = _LEAST_FREE) -> Iterator[Evidence]:
    if _lacks_inodes(folder):
        yield Evidence(f"{folder}: fewer than {_LEAST_INODES} inodes are free", remedy=REMEDIES["no_inodes"])
    elif (free := _free(folder)) < least_free:
        yield Evidence(f"{folder}: {free >> 20} MB are free")


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _lacks_inodes(folder: Path) -> bool:
    disk = os.statvfs(folder)
    return disk.f_files > 0 and disk.f_favail < _LEAST_INODES
