"""A PostgreSQL server of its own, from the system's binaries."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xaccel_testing.servers import ServerFailed, ServerMissing
from xaccel_testing.servers.processes import StartedServer, running, wait_until

USER = "app"
_UNPRIVILEGED = "nobody"
# a path of a socket is cut at 107 bytes, and PostgreSQL adds "/.s.PGSQL.5432.lock"
_LONGEST_DIRECTORY = 85


@dataclass(frozen=True, slots=True)
class PostgresServer(StartedServer):
    """A running server. `dsn` is a URL as psycopg takes it, `env` the same as PG* variables."""

    dsn: str
    env: Mapping[str, str]


@contextmanager
def postgres_server(directory: Path, *options: str) -> Iterator[PostgresServer]:
    """Run PostgreSQL on a socket until the block ends: user `app`, database `postgres`, no password, no TCP.

    PostgreSQL refuses to run as root, so root runs it as `nobody`. When that user cannot reach `directory`, or
    its path is too long for a socket, a folder below /tmp is used and removed at the end. Nothing is synced to
    disk. `options` are settings, "name=value". Raises ServerMissing or ServerFailed.
    """
    binaries = postgres_binaries()
    with _reachable(directory.resolve()) as home:
        identity = identity_of(home)
        data = home / "data"
        if not (data / "PG_VERSION").exists():
            _initdb(binaries, data, identity)
        settings = ["listen_addresses=", f"unix_socket_directories={home}"]
        settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"]
        command = [str(binaries / "postgres"), "-D", str(data)]
        for option in [*settings, *options]:
            command += ["-c", option]
        with running(
            command,
            name="postgres",
            directory=home,
            ready=lambda pid: says_ready(data / "postmaster.pid"),
            env={"TMPDIR": str(home)},
            popen=identity,
        ) as server:
            env = {"PGHOST": str(home), "PGPORT": "5432", "PGUSER": USER, "PGDATABASE": "postgres"}
            try:
                yield PostgresServer(f"postgresql://{USER}@/postgres?host={home}", env, server=server)
            finally:
                server.signal(signal.SIGINT)  # SIGTERM waits for clients
                wait_until(lambda: server.exit_status is not None, timeout_s=60)


def postgres_binaries() -> Path:
    """The folder of the newest PostgreSQL here. Raises ServerMissing."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if found:
        return max(found, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    raise ServerMissing(
        "postgres is not installed", where="PostgreSQL", remedy="Run scripts/system, or install postgresql."
    )


@contextmanager
def _reachable(directory: Path) -> Iterator[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in directory.parents)
    if len(os.fsencode(directory)) <= _LONGEST_DIRECTORY and (os.geteuid() != 0 or open_to_all):
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="xaccel-pg-", dir="/tmp", ignore_cleanup_errors=True) as other:
        yield Path(other)


def identity_of(home: Path) -> dict[str, Any]:
    """Return the options of Popen for PostgreSQL's user, who becomes the owner of `home`."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _initdb(binaries: Path, data: Path, identity: Mapping[str, Any]) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8"]
    done = subprocess.run(
        [*command, "--locale=C.UTF-8", "--no-sync"],
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    if done.returncode != 0:
        raise ServerFailed(
            "initdb failed", where="PostgreSQL", remedy=f"It says:\n{done.stdout}{done.stderr}"
        )


def says_ready(file: Path) -> bool:
    """Tell by postmaster.pid whether the server takes connections."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return False
    # the eighth line of postmaster.pid is the state of the server (src/include/utils/pidfile.h)
    return len(lines) > 7 and lines[7].strip() in ("ready", "standby")


@contextmanager
def standby_server(directory: Path, primary: Path, *options: str) -> Iterator[PostgresServer]:
    """Run a standby of the server in the folder `primary`, as `postgres_server` does; `SELECT pg_promote()` ends that.

    Both folders must be ones that `postgres_server` uses itself. The first start copies the primary.
    """
    data = directory / "data"
    if not (data / "PG_VERSION").exists():
        directory.mkdir(exist_ok=True)
        command = [
            str(postgres_binaries() / "pg_basebackup"),
            "-h",
            str(primary),
            "-U",
            USER,
            "-D",
            str(data),
        ]
        command += ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, check=False, **identity_of(directory)
        )
        if done.returncode != 0:
            raise ServerFailed("pg_basebackup failed", where="PostgreSQL", remedy=f"It says:\n{done.stderr}")
    with postgres_server(directory, *options) as server:
        yield server
