"""The running NGINX as this machine sees it: its processes, the files that it has open, the user of its workers."""

from __future__ import annotations

import grp
import os
import pwd
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


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
        return self._is_granted(path, right) and all(self._is_granted(each, 1) for each in path.parents)

    def _is_granted(self, path: Path, right: int) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.groups else 0
        return self.uid == 0 or bool(status.st_mode >> shift & right)


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
    with suppress(PermissionError):  # of another user
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


def workers_of(master: int) -> list[float]:
    """Return when each worker of a master process began, in seconds since the epoch, without those that shut down.

    It is empty where the system has no /proc.
    """
    found = []
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            title = path.with_name("cmdline").read_bytes()
            if int(fields[1]) == master and re.match(b"nginx: worker(?!.*shutting down)", title):
                up_s = float((_PROC / "uptime").read_text().split()[0])
                found.append(time.time() - up_s + int(fields[19]) / os.sysconf("SC_CLK_TCK"))
    return found


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
