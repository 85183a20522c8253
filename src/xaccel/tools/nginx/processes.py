"""The processes of NGINX on this machine, from /proc. Other systems show none."""

from __future__ import annotations

import grp
import os
import pwd
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_MASTER = re.compile("nginx: master process ")
_WORKER = re.compile("nginx: (?!cache|.*shutting down)")
"""A worker has the master's title until it has begun."""
_OPTION = re.compile(r"^(-[pc])\n?(.+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Account:
    """The user and the groups that a process has."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def named(cls, user: str, group: str = "") -> Self:
        """Return the account of a user. group: a name; empty for the user's own group.

        Raises KeyError for an unknown name.
        """
        entry = pwd.getpwnam(user)
        gid = entry.pw_gid
        if group:
            gid = grp.getgrnam(group).gr_gid
        return cls(entry.pw_uid, gid, tuple(os.getgrouplist(user, gid)))

    @property
    def name(self) -> str:
        """The name of the user, or its number where it has none."""
        return user_name(self.uid)


def user_name(uid: int) -> str:
    """Return the name of a user, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@dataclass(frozen=True, slots=True)
class Process:
    """A process of NGINX. began: in seconds since the epoch."""

    pid: int
    title: str
    account: Account
    began: float

    @property
    def max_open_files(self) -> int:
        """How many files it may open at once. Raises OSError."""
        limit = re.search(
            r"^Max open files +(\d+)", Path(f"/proc/{self.pid}/limits").read_text(), re.MULTILINE
        )
        return int(limit[1]) if limit else sys.maxsize


def workers_of(master: int) -> list[Process]:
    """Return the workers of a master process, without those that shut down."""
    return [one for one, parent in _processes() if parent == master and _WORKER.match(one.title)]


def account_of_running(command: Sequence[str]) -> Account | None:
    """Return the account of the master process with the options -p and -c of a command; None where it is not known.

    A process of a container on this machine has its own files and users: only those of this PID namespace count.
    """
    options = ["".join(each).replace(" ", "") for each in _OPTION.findall("\n".join(command[1:]))]
    accounts = set()
    for process, _ in _processes():
        title = process.title.replace(" ", "")
        is_same = (
            all(each in title for each in options) if options else not re.search(" -[pc]", process.title)
        )
        if is_same and _MASTER.match(process.title):
            accounts.add(process.account)
    return accounts.pop() if len(accounts) == 1 else None


def _processes() -> Iterator[tuple[Process, int]]:
    """Yield each process of NGINX in this PID namespace, and its parent."""
    own = _namespace(Path("/proc/self"))
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, KeyError):
            title = (folder / "cmdline").read_text(errors="replace")
            if title.startswith("nginx: ") and _namespace(folder) in (own, ""):
                yield _process(folder, title)


def _process(folder: Path, title: str) -> tuple[Process, int]:
    fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    uid, gid = (int(status[name].split()[1]) for name in ("Uid", "Gid"))  # the effective ones
    account = Account(uid, gid, tuple(map(int, status["Groups"].split())))
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    began = booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    parent = int(fields[1])
    return Process(int(folder.name), title, account, began), parent


def _namespace(folder: Path) -> str:
    """Return the PID namespace of a process; empty without the right to see it."""
    with suppress(OSError):
        return os.readlink(folder / "ns/pid")
    return ""
