"""The running NGINX as this machine sees it: its processes, the files that it has open, the user of its workers."""

from __future__ import annotations

import grp
import os
import pwd
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process. started: seconds since the epoch."""

    pid: int
    started: float
    is_shutting_down: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and the groups of the workers."""

    user: str
    uid: int
    groups: frozenset[int]

    def may(self, path: Path, right: int) -> bool:
        """Tell whether the workers have a right (4 read, 2 write, 1 enter) to a path, by its mode bits.

        Raises OSError for a path that is not there.
        """
        if self.uid == 0:
            path.stat()
            return True
        folders = [folder for folder in path.parents if not _granted(folder.stat(), self, 1)]
        return not folders and _granted(path.stat(), self, right)


def _granted(status: os.stat_result, who: Identity, right: int) -> bool:
    if status.st_uid == who.uid:
        return bool(status.st_mode >> 6 & right)
    if status.st_gid in who.groups:
        return bool(status.st_mode >> 3 & right)
    return bool(status.st_mode & right)


def identity_of(user: str, group: str = "") -> Identity | None:
    """Return the rights of a user, as `user USER GROUP;` gives them; None for a name that the system has not."""
    try:
        entry = pwd.getpwnam(user)
        main = grp.getgrnam(group or user).gr_gid if group else entry.pw_gid
        return Identity(user, entry.pw_uid, frozenset({main, *os.getgrouplist(user, main)}))
    except KeyError:
        return None


def is_running(pid: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def workers_of(master: int) -> list[Worker]:
    """Return the workers of a master process; empty where the system has no /proc."""
    found = []
    boot = time.time() - _seconds_since_boot()
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            text = path.read_text(errors="replace")
            fields = text.rpartition(")")[2].split()
            title = path.with_name("cmdline").read_bytes()
            if int(fields[1]) == master and title.startswith(b"nginx: worker"):
                started = boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
                found.append(Worker(int(path.parent.name), started, b"shutting down" in title))
    return found


def _seconds_since_boot() -> float:
    try:
        return float((_PROC / "uptime").read_text().split()[0])
    except OSError:
        return time.monotonic()


def open_files(pid: int) -> dict[str, tuple[int, int]]:
    """Return device and inode of each file that a process has open, by the path that the system shows.

    Raises OSError without the right to look, and on systems without /proc.
    """
    found = {}
    for link in (_PROC / str(pid) / "fd").iterdir():
        with suppress(OSError):
            status = link.stat()
            found[os.readlink(link)] = (status.st_dev, status.st_ino)
    return found
